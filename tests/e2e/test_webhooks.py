"""Webhook endpoints in a browser: added, tried, failing, replayed; on every width and in both themes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import deliver, replay_runs
from tests.byoa.threads import at_once
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, completed, owner_of, task
from tests.notifications.receiver import Receiver, receiving, status

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(settings: Any) -> Iterator[Receiver]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with receiving() as found:
        yield found


def test_endpoint_is_added_tried_and_its_events_replayed(visitor: Visitor, shop: Receiver) -> None:
    workspace = WorkspaceFactory.create(name="Acme")
    base = f"/w/{workspace.slug}/webhooks"
    visitor.sign_in(owner_of(workspace), "correct horse")
    pages = [base, f"{base}/new"]
    _look(visitor, pages)

    page = visitor.open(base)
    page.get_by_role("link", name="Add endpoint").click()
    page.fill("[name=url]", shop.url())
    page.fill("input[name=description]", "Shop, live")
    page.get_by_label("Task created").check()
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.get_by_label("Webhook secret")).to_have_value(re.compile("^whsec_"))
    assert visitor.accessibility() == []
    page.get_by_role("link", name="I have copied it").click()

    shop.answers["/hook"] = status(500, b'{"error": "asleep"}', Server="shop/1.0")
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text(re.compile(r"Test event: 500 in \d+ ms"))).to_be_visible()
    expect(page.get_by_text('{"error": "asleep"}')).to_be_visible()
    completed(workspace)
    task(workspace)
    assert at_once(_pump) == []
    Delivery.objects.of(workspace.pk).filter(state="WAITING").update(
        state="FAILED", next_attempt_at=None, ended_at="2026-01-01T00:00:00Z"
    )

    made = Endpoint.objects.of(workspace.pk).get()
    sent = Delivery.objects.of(workspace.pk).latest("id")
    one = f"{base}/{made.pk}"
    _look(visitor, [base, one, f"{one}?state=FAILED", f"{one}/d/{sent.event_id}"])
    _look(visitor, [f"{one}/edit", f"{one}/replay", f"{one}/delete"])

    visitor.open(one)
    expect(page.get_by_text("in a row (HTTP 500)")).to_be_visible()
    page.get_by_role("link", name="Replay events").click()
    page.get_by_role("button", name=re.compile(r"Replay 3 events")).click()
    expect(page.get_by_text("3 events will be sent again, oldest first.")).to_be_visible()
    del shop.answers["/hook"]
    replay_runs.advance()
    assert at_once(_pump) == []
    _look(visitor, [one])
    rows = Delivery.objects.of(workspace.pk).exclude(kind="test")
    assert [row.state for row in rows] == ["DELIVERED"] * 3


def _pump() -> None:
    # On a thread of its own: this one has the browser's event loop.
    deliver.deliver(linger_seconds=2)


def _look(visitor: Visitor, paths: list[str]) -> None:
    for path in paths:
        for theme, width in (("light", 1280), ("dark", 360)):
            visitor.theme(theme)
            visitor.width(width)
            visitor.open(path)
            assert visitor.overflow() <= 0, (path, width)
            assert visitor.accessibility() == [], (path, theme)
    visitor.width(1280)
