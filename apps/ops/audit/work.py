"""Tasks and what is held, counted and open for them."""

from apps.notifications.services.forget import DAYS

# Each yields one row per fault. A task's hold must be there from its creation on, open exactly while the task is
# unfinished, and captured to exactly the task's cost.
TASK_CHECKS = {
    "task {0} ({1}) has no hold of its price": """
        SELECT t.id, t.status FROM tasks_task t
         WHERE NOT t.service_mode = 'private' AND NOT EXISTS (
               SELECT FROM billing_creditentry e WHERE e.workspace_id = t.workspace_id AND e.kind = 'HOLD'
                  AND e.reference = 'task:' || t.id::text AND e.held_delta = t.price_points)
    """,
    "task {0} has ended ({1}) but its hold is open": """
        SELECT t.id, t.status FROM tasks_task t
          JOIN billing_creditentry e ON e.workspace_id = t.workspace_id AND e.kind = 'HOLD'
               AND e.reference = 'task:' || t.id::text
         WHERE t.status IN ('completed', 'failed', 'cancelled') AND NOT EXISTS (
               SELECT FROM billing_creditentry s WHERE s.workspace_id = e.workspace_id
                  AND s.reference = e.reference AND s.kind IN ('CAPTURE', 'RELEASE'))
    """,
    "task {0} is unfinished ({1}) but its hold was settled": """
        SELECT t.id, t.status FROM tasks_task t
          JOIN billing_creditentry s ON s.workspace_id = t.workspace_id AND s.kind IN ('CAPTURE', 'RELEASE')
               AND s.reference = 'task:' || t.id::text
         WHERE t.status IN ('staged', 'pending', 'processing')
    """,
    "task {0} cost {1} points but {2} were captured": """
        SELECT t.id, t.cost_points, COALESCE(-(s.available_delta + s.held_delta), 0) FROM tasks_task t
          LEFT JOIN billing_creditentry s ON s.workspace_id = t.workspace_id AND s.kind = 'CAPTURE'
               AND s.reference = 'task:' || t.id::text
         WHERE t.status IN ('completed', 'failed', 'cancelled')
           AND t.cost_points <> COALESCE(-(s.available_delta + s.held_delta), 0)
    """,
    "hold {0} has no task": """
        SELECT e.reference FROM billing_creditentry e
         WHERE e.kind = 'HOLD' AND e.reference LIKE 'task:%' AND NOT EXISTS (
               SELECT FROM tasks_task t WHERE 'task:' || t.id::text = e.reference
                  AND t.workspace_id = e.workspace_id)
    """,
    "{0} was refunded {1} points, but {2} were captured": """
        SELECT r.reference, r.back, r.captured FROM (
            SELECT e.reference, sum(e.available_delta) FILTER (WHERE e.kind = 'REFUND') AS back,
                   COALESCE(-sum(e.available_delta + e.held_delta) FILTER (WHERE e.kind = 'CAPTURE'), 0) AS captured
              FROM billing_creditentry e
             WHERE e.kind IN ('REFUND', 'CAPTURE') AND e.reference LIKE 'task:%'
             GROUP BY e.workspace_id, e.reference) r
         WHERE r.back > r.captured
    """,
    "{0} was refunded {1} times": """
        SELECT e.reference, count(*) FROM billing_creditentry e WHERE e.kind = 'REFUND'
         GROUP BY e.workspace_id, e.reference HAVING count(*) > 1
    """,
    "task {0} has ended ({1}) but its attempt {2} is {3}": """
        SELECT t.id, t.status, a.number, a.state FROM tasks_attempt a JOIN tasks_task t ON t.id = a.task_id
         WHERE a.state IN ('RUNNING', 'ASSIGNED', 'SENDING', 'UNKNOWN', 'ACCEPTED')
           AND t.status IN ('completed', 'failed', 'cancelled')
    """,
    "task {0} has ended ({1}) but its webhook has no delivery": f"""
        SELECT t.id, t.status FROM tasks_task t
         WHERE t.webhook_endpoint <> '' AND t.ended_at > statement_timestamp() - interval '{DAYS} days'
           AND NOT EXISTS (
               SELECT FROM notifications_delivery d WHERE d.subject = 'task:' || t.id::text
                  AND d.workspace_id = t.workspace_id AND d.kind = 'task.' || t.status)
    """,  # noqa: S608 - a number of ours
}

# These read only what has not ended, so they cost the same however much work there was, and run every hour.
WORK_CHECKS = {
    "workspace {0} {1} ({6}): {2} active and {3} staged are counted, {4} and {5} are there": """
        SELECT workspace_id, family, COALESCE(l.active, 0), COALESCE(l.staged, 0), COALESCE(c.active, 0),
               COALESCE(c.staged, 0), pool
          FROM tasks_familyload l FULL JOIN (
               SELECT t.workspace_id, t.family, t.service_mode AS pool,
                      count(*) FILTER (WHERE t.status <> 'staged') AS active,
                      count(*) FILTER (WHERE t.status = 'staged') AS staged
                 FROM tasks_task t WHERE t.status IN ('staged', 'pending', 'processing') GROUP BY 1, 2, 3
               ) c USING (workspace_id, family, pool)
         WHERE (COALESCE(l.active, 0), COALESCE(l.staged, 0)) <> (COALESCE(c.active, 0), COALESCE(c.staged, 0))
         ORDER BY 1, 2
    """,
    # The holder is no secret among ourselves, but whoever has it can call back in the provider's name.
    "slot {0} of account {1} is held by no open attempt": """
        SELECT l.id, l.account_id FROM byoa_slotlease l WHERE NOT EXISTS (
               SELECT FROM tasks_attempt a WHERE a.reference = l.holder
                  AND a.state IN ('ASSIGNED', 'SENDING', 'UNKNOWN', 'ACCEPTED'))
         ORDER BY 1
    """,
    "task {0} is processing at {1} without an open attempt": """
        SELECT t.id, t.provider FROM tasks_task t
         WHERE t.status = 'processing' AND t.provider <> 'local' AND NOT EXISTS (
               SELECT FROM tasks_attempt a WHERE a.task_id = t.id AND a.number = t.attempt
                  AND a.state IN ('ASSIGNED', 'SENDING', 'UNKNOWN', 'ACCEPTED'))
    """,
}
