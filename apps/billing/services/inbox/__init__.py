"""What payment providers tell us: kept first, answered at once, understood by a job.

`receive` stores an event once per id; `work` hands what waits to the functions that `handles` registered. A handler
gets the name of one object, asks the provider how that object is now, and brings our rows in line; so order, delay and
repetition of events make no difference. `handlers` lists the modules that register some: add yours there.
"""

from apps.billing.services.inbox.registry import NotOurs, Unmatched, handles

__all__ = ["NotOurs", "Unmatched", "handles"]
