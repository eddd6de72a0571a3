"""The proof that rewards, redeem codes and adjustments agree with the ledger: reads only, and finds nothing."""

from collections.abc import Iterator
from string import Template

from django.db import connection

# One statement for each table, so each sees one moment. `wanted` are the lines that must be there; anything else of
# the same reference, and any reference without its row, is a fault. Points are signed as they change what is owned:
# what went into or out of a debt counts.
_LINES = Template("""
    WITH wanted AS ($wanted), lines AS (
        SELECT reference, workspace_id, kind, available_delta - debt_delta AS points
          FROM billing_creditentry WHERE reference LIKE '$prefix:%'
    )
    SELECT COALESCE(w.reference, l.reference), COALESCE(w.kind, l.kind), w.points, l.points
      FROM wanted w FULL JOIN lines l
           ON l.reference = w.reference AND l.workspace_id = w.workspace_id AND l.kind = w.kind
     WHERE w.points IS DISTINCT FROM l.points
     ORDER BY 1, 2
""")
_WANTED = {
    "reward": """
        SELECT 'reward:' || id AS reference, workspace_id, 'GRANT' AS kind, points
          FROM billing_referralreward WHERE state IN ('granted', 'reversed')
         UNION ALL
        SELECT 'reward:' || id, workspace_id, 'CLAWBACK', -points
          FROM billing_referralreward WHERE state = 'reversed'
    """,
    "code": """
        SELECT 'code:' || c.id AS reference, c.workspace_id, 'GRANT' AS kind, b.points
          FROM billing_redeemcode c JOIN billing_codebatch b ON b.id = c.batch_id
         WHERE c.redeemed_at IS NOT NULL
    """,
    "adjustment": """
        SELECT 'adjustment:' || id AS reference, workspace_id, 'ADJUSTMENT' AS kind, points
          FROM billing_adjustmentrequest WHERE state = 'done'
    """,
}


def gift_faults() -> Iterator[str]:
    """A sentence for each reward, code or adjustment whose ledger lines are not exactly what its state says."""
    for prefix, wanted in _WANTED.items():
        with connection.cursor() as cursor:
            cursor.execute(_LINES.substitute(prefix=prefix, wanted=wanted))
            rows = cursor.fetchall()
        for reference, kind, should, found in rows:
            yield f"{reference}: {kind} of {should} points expected, the ledger has {found}"
