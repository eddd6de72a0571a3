"""The operator's pages in a real browser."""

from typing import Literal

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.tasks.services import operator
from apps.tasks.services.dispatch import dispatch
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, completed, picture, task
from tests.factories.byoa import account

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def staff(visitor: Visitor) -> Visitor:
    user = User.objects.create_superuser("operator@example.com", "correct horse")
    visitor.sign_in(user, "correct horse")
    return visitor


def test_operator_looks_at_the_pool_and_voids_a_task(staff: Visitor):
    workspace = WorkspaceFactory.create()
    account(label="Next door", status_reason="It does not answer: connection refused.")
    completed(workspace)
    made = picture(workspace, webhook_endpoint="https://customer.example.com/hook")
    dispatch()
    operator.retry(task_id=made.id, actor=None, reason="Ticket 4711: hangs")
    task(workspace)

    page = staff.open("/ops/admin/pool/")
    _is_sound(staff)
    page.get_by_role("link", name="flux").click()
    page.get_by_role("link", name=str(made.id)).click()
    _is_sound(staff)
    page.get_by_role("link", name="Void…").click()
    _fits(staff)
    page.get_by_label("Reason").fill("The customer asked for it.")
    page.get_by_role("button", name="Void").click()

    expect(page.locator(".messagelist")).to_have_text(
        "The task has ended and its credits are given back."
    )
    expect(page.get_by_text("task.voided by operator@example.com")).to_have_count(1)


def _fits(visitor: Visitor) -> None:
    """Is no wider than a telephone."""
    visitor.width(360)
    assert visitor.overflow() == 0
    visitor.width(1280)


def _is_sound(visitor: Visitor) -> None:
    """Fits, and is accessible in light and dark."""
    _fits(visitor)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        visitor.page.emulate_media(color_scheme=scheme)
        # The admin's links fade to their new colours; half-way they are too pale.
        visitor.page.evaluate(
            "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
        )
        # The path at the top is the admin's own: links that differ from text by colour alone.
        found = [one for one in visitor.accessibility() if one[0] != "link-in-text-block"]
        assert found == [], scheme
