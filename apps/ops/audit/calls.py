"""Calls of language models: blocks, their holds, and the rows charged to them. Each check yields one row per fault."""

CALL_CHECKS = {
    "block {0} has no hold of its {1} points": """
        SELECT b.id, b.points FROM llm_creditblock b WHERE NOT EXISTS (
               SELECT FROM billing_creditentry e WHERE e.workspace_id = b.workspace_id AND e.kind = 'HOLD'
                  AND e.reference = 'llm:' || b.id::text AND e.held_delta = b.points)
    """,
    "hold {0} of {1} points in workspace {2} belongs to no block": """
        SELECT e.reference, e.held_delta, e.workspace_id FROM billing_creditentry e
         WHERE e.kind = 'HOLD' AND e.reference LIKE 'llm:%' AND NOT EXISTS (
               SELECT FROM llm_creditblock b
                WHERE 'llm:' || b.id::text = e.reference AND b.workspace_id = e.workspace_id)
    """,
    "block {0} is {1} but its hold is {2}": """
        SELECT b.id, b.state, CASE WHEN s.id IS NULL THEN 'open' ELSE 'settled' END FROM llm_creditblock b
          LEFT JOIN billing_creditentry s ON s.workspace_id = b.workspace_id AND s.reference = 'llm:' || b.id::text
               AND s.kind IN ('CAPTURE', 'RELEASE')
         WHERE (b.state = 'settled') <> (s.id IS NOT NULL)
    """,
    "block {0} captured {1} points, the ledger {2}": """
        SELECT b.id, b.captured, COALESCE(-(s.available_delta + s.held_delta), 0) FROM llm_creditblock b
          LEFT JOIN billing_creditentry s ON s.workspace_id = b.workspace_id AND s.kind = 'CAPTURE'
               AND s.reference = 'llm:' || b.id::text
         WHERE b.captured <> COALESCE(-(s.available_delta + s.held_delta), 0)
    """,
    "block {0} captured {1} points, its calls come to {2}": """
        SELECT b.id, b.captured, u.points FROM llm_creditblock b
          JOIN LATERAL (SELECT COALESCE(sum(u.points), 0) AS points FROM llm_usage u WHERE u.block_id = b.id) u ON true
         WHERE b.state = 'settled' AND b.captured <> u.points
    """,
    "block {0} of {1} points has calls of {2}": """
        SELECT b.id, b.points, u.points FROM llm_creditblock b
          JOIN LATERAL (SELECT COALESCE(sum(u.points), 0) AS points FROM llm_usage u WHERE u.block_id = b.id) u ON true
         WHERE b.state = 'open' AND u.points > b.points
    """,
    "attempt {0} is charged to a block of somebody else, or to none": """
        SELECT u.attempt FROM llm_usage u LEFT JOIN llm_creditblock b ON b.id = u.block_id
         WHERE u.block_id IS NOT NULL
           AND (u.workspace_id IS DISTINCT FROM b.workspace_id OR u.api_key_id IS DISTINCT FROM b.api_key_id
                OR u.user_id IS DISTINCT FROM b.user_id)
    """,
    "call {0} is charged {1} times": """
        SELECT call, count(*) FROM llm_usage WHERE points > 0 GROUP BY call HAVING count(*) > 1
    """,
}
# What is left behind for longer than any sweep takes.
BLOCK_CHECKS = {
    "block {0} is open long past its lease ({1})": """
        SELECT id, lease_until FROM llm_creditblock
         WHERE state = 'open' AND lease_until < statement_timestamp() - interval '5 minutes'
    """,
}
