"""What workspaces pay by the month: plans and seats, one subscription each, as Stripe has it.

Stripe holds the truth and `sync` reads it: whatever made us look (an event, the landing page, our own change), the row
and the workspace's plan follow from how the subscription is now, so that events in any order end the same. What the
next period will be is written at Stripe too, in the subscription's metadata; see `reading`.
"""
