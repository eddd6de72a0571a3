"""One who has an account at a bridge and asks it the way the platform does: by the adapter, through the guard."""

import io
from dataclasses import replace
from typing import Any

from PIL import Image

from apps.core import egress
from apps.core.wire import Request, Response
from apps.providers import flow
from apps.providers.base import (
    Accepted,
    Access,
    Done,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Work,
)
from apps.providers.midjourney_bridge import MidjourneyBridge
from tests.bridge.running import RunningBridge

adapter = MidjourneyBridge()
Why = ProviderRefused.Why
RIGHT = "any-secret-but-bad"
UNKNOWN = (ProviderUnavailable, True, None)
NOT_CREATED = (ProviderUnavailable, False, None)


def quick(request: Request) -> Response:
    """Sent by the platform's client, with little patience."""
    return egress.send(replace(request, timeout_seconds=2))


def ask(steps: flow.Steps[Any]) -> Any:
    try:
        return flow.run(steps, quick)
    except ProviderError as error:
        return error


class Customer:
    """One account at one bridge, and the work it is given."""

    def __init__(self, bridge: RunningBridge, secret: str = RIGHT, **config: Any) -> None:
        self.bridge = bridge
        self.access = Access(bridge.url, secret, config)
        self._count = 0

    def work(
        self, job: str, *, mode: str = "fast", after: Done | None = None, **given: Any
    ) -> Work:
        self._count += 1
        parent = {**after.facts, "id": after.provider_id} if after else {}
        reference = f"ref-{self._count:04}"
        return Work(reference, job, "midjourney", job, given, mode=mode, parent=parent)

    def submit(self, work: Work) -> Any:
        return ask(adapter.submit(work, self.access))

    def poll(self, accepted: Accepted) -> Any:
        return ask(adapter.poll(accepted.handle, self.access))

    def look_up(self, work: Work) -> Any:
        return ask(adapter.look_up(work, self.access))

    def check(self) -> Any:
        return ask(adapter.check(self.access))

    def made(self, job: str, **given: Any) -> Any:
        """The end of the work: its result or why there is none."""
        accepted = self.submit(self.work(job, **given))
        if not isinstance(accepted, Accepted):
            return accepted
        self.bridge.finish()
        return self.poll(accepted)

    def picture(self, done: Done) -> Image.Image:
        data = egress.fetch(done.output["image_url"], max_bytes=1_000_000).data
        return Image.open(io.BytesIO(data)).convert("RGB")


def quarters(picture: Image.Image) -> list[Any]:
    width, height = picture.size
    places = [(0, 0), (width // 2, 0), (0, height // 2), (width // 2, height // 2)]
    return [picture.getpixel(place) for place in places]


def single_of(customer: Customer, *, prompt: str = "a flying city") -> Done:
    done = customer.made("upscale", after=customer.made("imagine", prompt=prompt), index="1")
    assert isinstance(done, Done)
    return done
