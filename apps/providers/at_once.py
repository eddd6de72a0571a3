"""The half of an adapter that is the same for providers that answer at once: there is nothing to ask again later."""

from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from apps.core.wire import Request, Response
from apps.providers.base import (
    Accepted,
    Access,
    Callback,
    Done,
    ProviderRefused,
    ProviderUnavailable,
    Running,
    Work,
)

# An adapter's steps are a generator, also where there are none.
_NO_STEPS: tuple[Request, ...] = ()


class AtOnce:
    """Work is done when its submit is answered; an answer that was lost is lost, and what it made is paid for."""

    can_look_up: ClassVar[bool] = False

    def poll(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, Running | Done]:
        yield from _NO_STEPS
        raise ProviderRefused("This provider answers at once; there is nothing to ask for.")

    def look_up(
        self, work: Work, access: Access
    ) -> Generator[Request, Response, Accepted | Done | None]:
        yield from _NO_STEPS
        raise ProviderUnavailable(
            "This provider cannot say whether it did the work.", is_unknown=True
        )

    def cancel(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, bool]:
        yield from _NO_STEPS
        return False

    def callback(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Callback:
        raise ValueError("this provider calls nobody back")
