"""The pages of own accounts, below /w/<slug>/accounts; `urls` includes them."""

from django.urls import URLPattern, path

from apps.dashboard.views.accounts import account, connect, overview, report, seats

_FAMILY = "w/<slug:slug>/accounts/<slug:family>"
_ONE = f"{_FAMILY}/<int:account_id>"

urlpatterns: list[URLPattern] = [
    path("w/<slug:slug>/accounts", overview.overview, name="accounts"),
    # Before the families: none of them is called so.
    path("w/<slug:slug>/accounts/period", account.period, name="accounts_period"),
    path(_FAMILY, overview.family, name="accounts_family"),
    path(f"{_FAMILY}/pool", overview.pool, name="accounts_pool"),
    path(f"{_FAMILY}/connect", connect.connect, name="accounts_connect"),
    path(f"{_FAMILY}/seats", seats.seats_change, name="accounts_seats"),
    path(f"{_FAMILY}/seats/done", seats.seats_done, name="accounts_seats_done"),
    path(_ONE, account.account, name="accounts_one"),
    path(f"{_ONE}/check", account.check, name="accounts_check"),
    path(f"{_ONE}/recheck", account.recheck, name="accounts_recheck"),
    path(f"{_ONE}/pause", account.pause, name="accounts_pause"),
    path(f"{_ONE}/start", account.start, name="accounts_start"),
    path(f"{_ONE}/settings", account.change, name="accounts_settings"),
    path(f"{_ONE}/credential", account.credential, name="accounts_credential"),
    path(f"{_ONE}/delete", account.delete, name="accounts_delete"),
    path(f"{_ONE}/report", report.report, name="accounts_report"),
    path(f"{_ONE}/report.csv", report.report_csv, name="accounts_report_csv"),
]
