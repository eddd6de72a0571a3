"""Money that came in and went back, against the ledger. Each check yields one row per fault.

A payment's lines are `payment:<id>` for what it brought and `payment:<id>:<n>` for each change after that.
"""

# What a line of the ledger moved, whatever part of it went to or came from a debt.
_MOVED = "(e.available_delta - e.debt_delta)"

# A payment's credits in the ledger, and what was taken back of them.
_PAID = f"""
    SELECT p.id, p.kind, p.credit_points, p.clawed_points, p.workspace_id,
           COALESCE((SELECT sum({_MOVED}) FROM billing_creditentry e
                      WHERE e.workspace_id = p.workspace_id AND e.reference = 'payment:' || p.id::text
                        AND e.kind = CASE p.kind WHEN 'top_up' THEN 'PURCHASE' ELSE 'GRANT' END), 0) AS brought,
           COALESCE((SELECT -sum({_MOVED}) FROM generate_series(1, p.changes) n JOIN billing_creditentry e
                         ON e.workspace_id = p.workspace_id AND e.reference = 'payment:' || p.id::text || ':' || n
                        AND e.kind IN ('CLAWBACK', 'REINSTATEMENT')), 0) AS taken
      FROM billing_payment p
"""  # noqa: S608 - nothing but our own text

MONEY_CHECKS = {
    "workspace {0} owes {1} points while {2} are available": """
        SELECT workspace_id, debt, available FROM billing_wallet WHERE debt > 0 AND available > 0
    """,
    "payment {0} brings {1} points, the ledger has {2}": f"""
        SELECT id, credit_points, brought FROM ({_PAID}) p WHERE credit_points <> brought
    """,  # noqa: S608
    "payment {0} had {1} points taken back, the ledger says {2}": f"""
        SELECT id, clawed_points, taken FROM ({_PAID}) p WHERE clawed_points <> taken
    """,  # noqa: S608
    "{0} of {1} points in workspace {2} has no payment": f"""
        SELECT e.reference, {_MOVED}, e.workspace_id FROM billing_creditentry e
         WHERE (e.kind IN ('PURCHASE', 'REINSTATEMENT') OR (e.kind = 'CLAWBACK' AND e.reference NOT LIKE 'reward:%')
                OR e.reference LIKE 'payment:%')
           AND NOT EXISTS (SELECT FROM billing_payment p WHERE p.id::text = split_part(e.reference, ':', 2)
                              AND p.workspace_id = e.workspace_id)
    """,  # noqa: S608
    # The arithmetic of `policies.clawback`, said a second time.
    "payment {0}: {1} of {2} points went back, {3} of {4} credits were taken": """
        SELECT id, back, total, clawed_points, credit_points FROM (
            SELECT p.id, p.credit_points, p.clawed_points, p.amount_points + p.tax_points AS total,
                   COALESCE((SELECT sum(r.amount_points) FROM billing_reversal r
                              WHERE r.payment_id = p.id AND r.is_in_effect), 0) AS back
              FROM billing_payment p) p
         WHERE clawed_points <> CASE WHEN back = 0 THEN 0 WHEN back >= total THEN credit_points
                                     ELSE div(credit_points * back, total) END
    """,
    "payment {0} belongs to workspace {1}, its top-up to {2}": """
        SELECT p.id, p.workspace_id, t.workspace_id FROM billing_payment p
          JOIN billing_topup t ON t.id = p.top_up_id WHERE t.workspace_id <> p.workspace_id
    """,
    "top-up {0} is credited without a payment": """
        SELECT t.id FROM billing_topup t WHERE t.state = 'credited' AND NOT EXISTS (
               SELECT FROM billing_payment p WHERE p.top_up_id = t.id)
    """,
    "deposit {0} is {1} with {2} points, its payment says {3}": """
        SELECT d.id, d.state, d.points, COALESCE(p.credit_points, 0) FROM billing_deposit d
          LEFT JOIN billing_payment p ON p.id = d.payment_id
         WHERE d.state IN ('credited', 'clawed') AND d.points <> COALESCE(p.credit_points, 0)
    """,
    "reward {0} is granted, but {1} of {2} points of its payment went back": """
        SELECT r.id, b.back, p.amount_points + p.tax_points FROM billing_referralreward r
          JOIN billing_payment p ON p.id = r.payment_id
          JOIN LATERAL (SELECT COALESCE(sum(v.amount_points), 0) AS back FROM billing_reversal v
                         WHERE v.payment_id = p.id AND v.is_in_effect) b ON true
         WHERE r.state = 'granted' AND b.back > 0 AND 2 * b.back >= p.amount_points + p.tax_points
    """,
    "workspace {0} is on {1}, its subscription on {2}": """
        SELECT w.id, w.plan, v.plan FROM billing_subscription s
          JOIN accounts_workspace w ON w.id = s.workspace_id
          JOIN accounts_planversion v ON v.id = s.plan_version_id
         WHERE s.state IN ('active', 'past_due')
           AND (w.plan <> v.plan OR w.plan_version_id IS DISTINCT FROM s.plan_version_id)
    """,
}
