"""`python -m tests.faults.dying POINT [ARGUMENT]`: does one piece of work and dies in the middle of it.

The process ends as if its power were cut: nothing is closed, rolled back or told. It works on the database of the
test that starts it. Exit code 86 means that it died where it should.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

DIED = 86


def die(*_: Any, **__: Any) -> NoReturn:
    os._exit(DIED)


def main(point: str, *arguments: str) -> int:
    import django

    django.setup()
    arm, act = _POINTS[point]
    arm()
    act(*arguments)
    return 0


# -------------------------------------------------------------------------------- what it does
def _create(workspace_id: str, endpoint: str) -> None:
    from apps.accounts.models import Workspace
    from tests.factories import picture

    picture(Workspace.objects.get(pk=workspace_id), webhook_endpoint=endpoint)


def _dispatch() -> None:
    from apps.tasks.services.dispatch import dispatch

    dispatch()


def _look_after() -> None:
    from apps.tasks.services.failover import look_after

    look_after()


def _work() -> None:
    from apps.tasks.services.remote.pump import Pump
    from tests.tasks.remote.conftest import due_now

    for _ in range(4):
        Pump().run(seconds=5)
        due_now()


def _deliver() -> None:
    from apps.notifications.services.deliver import deliver

    deliver(linger_seconds=0)


# ------------------------------------------------------------------------------ where it dies
def _at_every_message() -> None:
    """Messages go out right after a commit, so this is between the two."""
    from apps.core.queue import Wake

    Wake.now = die  # type: ignore[method-assign]


def _when_slots_are_taken() -> None:
    from apps.tasks.services import dispatch

    _before(dispatch, "_open_attempts", bool)


def _when_the_price_is_held() -> None:
    from apps.tasks.services import notices

    _before(notices, "changed", bool)


def _when_the_provider_took_it() -> None:
    from apps.tasks.services.remote import writing
    from apps.tasks.services.remote.outcomes import Took

    _before(writing, "write", lambda outcomes: any(isinstance(one, Took) for one in outcomes))


def _when_the_provider_is_done() -> None:
    from apps.tasks.services.remote import storing
    from apps.tasks.services.remote.outcomes import Ready

    _before(storing, "announced", lambda outcomes: any(isinstance(one, Ready) for one in outcomes))


def _when_the_result_is_stored() -> None:
    from apps.tasks.services import finish

    _before(finish, "end_many", bool)


def _before_the_event_is_written() -> None:
    from apps.tasks.services import webhooks

    _before(webhooks, "announce", bool)


def _before_money_moves() -> None:
    from apps.billing.services import credits

    _before(credits, "settle_many", bool)


def _before_the_end_is_committed() -> None:
    from apps.tasks.services import aftermath

    _before(aftermath, "ended", bool)


def _before_a_delivery_is_noted() -> None:
    from apps.notifications.services import claims

    found = claims.record

    def record(*, outcomes: Any) -> Any:
        return die() if outcomes else found(outcomes=outcomes)

    claims.record = record


def _before(module: Any, name: str, is_it: Callable[[Any], bool]) -> None:
    """Die at the first call of a function with such an argument."""
    found = getattr(module, name)

    def call(first: Any, *rest: Any, **named: Any) -> Any:
        return die() if is_it(first) else found(first, *rest, **named)

    setattr(module, name, call)


_POINTS: dict[str, tuple[Callable[[], None], Callable[..., None]]] = {
    "created, not yet told anybody": (_at_every_message, _create),
    "dispatched, not yet told anybody": (_at_every_message, _dispatch),
    "dispatching, between slots and attempts": (_when_slots_are_taken, _dispatch),
    "failing over, between money and commit": (_when_the_price_is_held, _look_after),
    "taken by the provider, not yet written": (_when_the_provider_took_it, _work),
    "made by the provider, not yet fetched": (_when_the_provider_is_done, _work),
    "result stored, not yet finished": (_when_the_result_is_stored, _work),
    "ending, before its event": (_before_the_event_is_written, _work),
    "ending, between event and money": (_before_money_moves, _work),
    "ending, between money and commit": (_before_the_end_is_committed, _work),
    "delivered, not yet written": (_before_a_delivery_is_noted, _deliver),
}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
