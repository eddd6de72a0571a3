"""Invoices, rewards, codes and corrections, against payments and the ledger. Each check yields one row per fault."""

DOCUMENT_CHECKS = {
    "payment {0} of {1} points has {2} invoices": """
        SELECT p.id, p.amount_points + p.tax_points, count(i.id) FROM billing_payment p
          LEFT JOIN billing_invoice i ON i.payment_id = p.id AND i.kind = 'invoice'
         WHERE p.amount_points + p.tax_points > 0 GROUP BY p.id HAVING count(i.id) <> 1
    """,
    "invoice {0} says {1} and {2} tax, its payment {3} and {4}": """
        SELECT i.number, i.net_points, i.tax_points, p.amount_points, p.tax_points FROM billing_invoice i
          JOIN billing_payment p ON p.id = i.payment_id
         WHERE i.kind = 'invoice' AND (i.net_points, i.tax_points) <> (p.amount_points, p.tax_points)
    """,
    "{0} has issued {1} documents, the last number is {2}, the next {3}": """
        SELECT e.slug, count(i.id), COALESCE(max(i.sequence), 0), e.next_number FROM billing_legalentity e
          LEFT JOIN billing_invoice i ON i.entity_id = e.id GROUP BY e.id
        HAVING count(i.id) <> COALESCE(max(i.sequence), 0) OR e.next_number <> count(i.id) + 1
    """,
    "reward {0} is {1}, the ledger has {2} granted and {3} taken back of {4} points": """
        SELECT id, state, granted, taken, points FROM (
            SELECT r.id, r.state, r.points,
                   COALESCE(sum(e.available_delta - e.debt_delta) FILTER (WHERE e.kind = 'GRANT'), 0)::bigint AS granted,
                   COALESCE(-sum(e.available_delta - e.debt_delta) FILTER (WHERE e.kind = 'CLAWBACK'), 0)::bigint AS taken
              FROM billing_referralreward r LEFT JOIN billing_creditentry e
                ON e.workspace_id = r.workspace_id AND e.reference = 'reward:' || r.id
             GROUP BY r.id) r
         WHERE (granted, taken) <> CASE state WHEN 'granted' THEN (points, 0::bigint) WHEN 'reversed'
               THEN (points, points) ELSE (0::bigint, 0::bigint) END
    """,
    "reward {0} is granted, but {1} of {2} points of its payment went back": """
        SELECT r.id, b.back, p.amount_points + p.tax_points FROM billing_referralreward r
          JOIN billing_payment p ON p.id = r.payment_id
          JOIN LATERAL (SELECT COALESCE(sum(v.amount_points), 0) AS back FROM billing_reversal v
                         WHERE v.payment_id = p.id AND v.is_in_effect) b ON true
         WHERE r.state = 'granted' AND b.back > 0 AND 2 * b.back >= p.amount_points + p.tax_points
    """,
    "{0} of {1} points has no reward": """
        SELECT e.reference, e.available_delta - e.debt_delta FROM billing_creditentry e
         WHERE e.reference LIKE 'reward:%' AND NOT EXISTS (
               SELECT FROM billing_referralreward r
                WHERE 'reward:' || r.id = e.reference AND r.workspace_id = e.workspace_id)
    """,
    "code {0} was redeemed for {1} points, the ledger has {2}": """
        SELECT c.id, b.points, COALESCE(e.available_delta - e.debt_delta, 0) FROM billing_redeemcode c
          JOIN billing_codebatch b ON b.id = c.batch_id
          LEFT JOIN billing_creditentry e ON e.workspace_id = c.workspace_id AND e.reference = 'code:' || c.id
         WHERE (c.redeemed_at IS NOT NULL) <> (e.id IS NOT NULL)
            OR (e.id IS NOT NULL AND e.available_delta - e.debt_delta <> b.points)
    """,
    "{0} of {1} points has no redeemed code": """
        SELECT e.reference, e.available_delta - e.debt_delta FROM billing_creditentry e
         WHERE e.reference LIKE 'code:%' AND NOT EXISTS (
               SELECT FROM billing_redeemcode c WHERE 'code:' || c.id = e.reference
                  AND c.workspace_id = e.workspace_id AND c.redeemed_at IS NOT NULL)
    """,
    "correction {0} ({1}) of {2} points, the ledger has {3}": """
        SELECT a.id, a.state, a.points, COALESCE(e.available_delta - e.debt_delta, 0) FROM billing_adjustmentrequest a
          LEFT JOIN billing_creditentry e
            ON e.workspace_id = a.workspace_id AND e.reference = 'adjustment:' || a.id::text
         WHERE COALESCE(e.available_delta - e.debt_delta, 0) <> CASE a.state WHEN 'done' THEN a.points ELSE 0 END
    """,
}
