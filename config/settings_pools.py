"""Own accounts, seats and Midjourney's rules; `settings` has the rest."""

from decimal import Decimal

from config import env

# When a seat has ended: days that its account's credential is kept, in case the seat is rented again.
SEAT_CREDENTIAL_DAYS = env.number("SEAT_CREDENTIAL_DAYS", default=30)
# Tasks of a family that a workspace may have waiting for its own accounts; more are staged.
PRIVATE_TASKS = env.number("PRIVATE_TASKS", default=1_000)

# Hours after its end that a Midjourney task can be continued (upscale, vary, …).
FOLLOW_UP_HOURS = env.number("FOLLOW_UP_HOURS", default=72)
# What turbo costs of its list price: it was cut by a fifth.
MIDJOURNEY_TURBO_FACTOR = Decimal(env.text("MIDJOURNEY_TURBO_FACTOR", default="0.8"))
# Names of prompt parameters to let pass besides those we know, and whether image URLs in prompts are asked for first.
MIDJOURNEY_PARAMETERS = env.names("MIDJOURNEY_PARAMETERS", default="")
MIDJOURNEY_HEAD_CHECK = env.flag("MIDJOURNEY_HEAD_CHECK", default=False)
