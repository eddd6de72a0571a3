"""The messages that start this app's jobs soon. Each is only a hint; the beat starts the same jobs all the time."""

from apps.core.queue import Wake

DISPATCH = Wake("tasks.dispatch")
WORK = Wake("tasks.work", queue="provider")
