"""The messages that start this app's jobs soon. Each is only a hint; the beat starts the same jobs all the time."""

from functools import partial

from apps.core import turns
from apps.core.queue import Wake

# Shown by the loop at providers, which also dispatches, while it runs: then it needs no messages.
PUMP = "tasks.work"
_is_pumping = partial(turns.is_present, PUMP)

DISPATCH = Wake("tasks.dispatch", unless=_is_pumping)
WORK = Wake("tasks.work", queue="provider", unless=_is_pumping)
