"""The pages about money, below /w/<slug>/billing; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views.billing import (
    budgets,
    cards,
    invoices,
    overview,
    plans,
    redeem,
    referral,
    statements,
    topup,
    topup_crypto,
    transactions,
)

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/billing", overview.overview, name="billing"),
    path("w/<slug:slug>/billing/auto-topup", overview.auto_topup, name="billing_autotopup"),
    path("w/<slug:slug>/billing/card", cards.card, name="billing_card"),
    path("w/<slug:slug>/billing/card/done", cards.card_done, name="billing_card_done"),
    path("w/<slug:slug>/billing/card/remove", cards.card_remove, name="billing_card_remove"),
    path(
        "w/<slug:slug>/billing/transactions",
        transactions.transactions,
        name="billing_transactions",
    ),
    path(
        "w/<slug:slug>/billing/transactions.csv",
        transactions.transactions_csv,
        name="billing_transactions_csv",
    ),
    path("w/<slug:slug>/billing/topup", topup.topup, name="billing_topup"),
    path(
        "w/<slug:slug>/billing/topup/crypto",
        topup_crypto.topup_crypto,
        name="billing_topup_crypto",
    ),
    path(
        "w/<slug:slug>/billing/topup/<uuid:top_up_id>",
        topup.topup_status,
        name="billing_topup_status",
    ),
    path(
        "w/<slug:slug>/billing/topup/<uuid:top_up_id>/cancel",
        topup.topup_cancel,
        name="billing_topup_cancel",
    ),
    path(
        "w/<slug:slug>/billing/topup/<uuid:top_up_id>/confirm",
        topup.topup_confirm,
        name="billing_topup_confirm",
    ),
    path("w/<slug:slug>/billing/portal", topup.portal, name="billing_portal"),
    path("w/<slug:slug>/billing/plans", plans.plan_list, name="billing_plans"),
    path("w/<slug:slug>/billing/plans/done", plans.plan_done, name="billing_plans_done"),
    path("w/<slug:slug>/billing/plans/end", plans.plan_end, name="billing_plans_end"),
    path("w/<slug:slug>/billing/plans/resume", plans.plan_resume, name="billing_plans_resume"),
    path(
        "w/<slug:slug>/billing/plans/to/<slug:plan>",
        plans.plan_change,
        name="billing_plans_change",
    ),
    path("w/<slug:slug>/billing/redeem", redeem.redeem, name="billing_redeem"),
    path("w/<slug:slug>/billing/referral", referral.referral, name="billing_referral"),
    path("w/<slug:slug>/billing/invoices", invoices.invoice_list, name="billing_invoices"),
    path("w/<slug:slug>/billing/invoices.csv", invoices.invoice_table, name="billing_invoices_csv"),
    path(
        "w/<slug:slug>/billing/invoices/details",
        invoices.billing_details,
        name="billing_invoices_details",
    ),
    path(
        "w/<slug:slug>/billing/invoices/<uuid:invoice_id>",
        invoices.invoice_page,
        name="billing_invoices_one",
    ),
    path(
        "w/<slug:slug>/billing/invoices/<uuid:invoice_id>.pdf",
        invoices.invoice_pdf,
        name="billing_invoices_pdf",
    ),
    path(
        "w/<slug:slug>/billing/invoices/statements/<int:year>-<int:month>",
        statements.statement_page,
        name="billing_invoices_statement",
    ),
    path(
        "w/<slug:slug>/billing/invoices/statements/<int:year>-<int:month>.pdf",
        statements.statement_pdf,
        name="billing_invoices_statement_pdf",
    ),
    path(
        "w/<slug:slug>/billing/invoices/statements/<int:year>-<int:month>.csv",
        statements.statement_table,
        name="billing_invoices_statement_csv",
    ),
    path("w/<slug:slug>/billing/budgets", budgets.overview, name="billing_budgets"),
    path(
        "w/<slug:slug>/billing/budgets/members/<int:member_id>",
        budgets.member,
        name="billing_budgets_member",
    ),
    path(
        "w/<slug:slug>/billing/budgets/keys/<int:key_id>", budgets.key, name="billing_budgets_key"
    ),
]
