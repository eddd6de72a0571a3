"""What dies, is lost or is taken away on the way, and that the work is neither lost nor done twice."""

from collections.abc import Callable

import orjson
import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.models import Account, SlotLease
from apps.byoa.services import accounts
from apps.notifications.models import Delivery
from apps.ops import audit
from apps.providers.base import Accepted
from apps.tasks.models import Attempt, FailureCode, Status
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote import due, writing
from apps.tasks.services.remote.outcomes import Took
from tests.factories import picture, task
from tests.factories.byoa import account
from tests.tasks import rows
from tests.tasks.remote.conftest import attempts, due_now, stepped
from tests.upstream.provider import Provider

pytestmark = pytest.mark.django_db
Run = Callable[..., None]


@pytest.fixture(autouse=True)
def pool(provider: Provider) -> Account:
    return account(base_url=provider.server.url, config={"poll_seconds": 0.05}, label="First")


def sent(provider: Provider) -> list[int]:
    return [seen.submits for seen in provider.store.seen.values()]


def test_pump_that_died_before_it_sent_has_its_work_sent_by_the_next(
    workspace: Workspace, provider: Provider, run: Run
):
    found = picture(workspace)
    dispatch()
    assert len(due.to_send(limit=10, busy=())) == 1

    for _ in range(3):
        run(hurry=True)

    assert rows.again(found).status == Status.COMPLETED
    assert sent(provider) == [1]
    assert audit.differences() == []


def test_pump_that_died_after_it_sent_has_its_work_found_by_the_next(
    workspace: Workspace, provider: Provider, run: Run
):
    found = picture(workspace)
    dispatch()
    (one,) = due.to_send(limit=10, busy=())
    assert isinstance(stepped(one, provider), Took)

    for _ in range(3):
        run(hurry=True)

    assert rows.again(found).status == Status.COMPLETED
    assert sent(provider) == [1]
    assert audit.differences() == []


def test_pump_that_died_with_the_result_in_its_hands_loses_nothing(
    workspace: Workspace, provider: Provider, run: Run
):
    found = picture(workspace, "[delay=0]")
    dispatch()
    (one,) = due.to_send(limit=10, busy=())
    stepped(one, provider)

    for _ in range(3):
        run(hurry=True)

    assert rows.again(found).status == Status.COMPLETED
    assert rows.balance(workspace) == (10_000_000 - 20_000, 0)
    assert sent(provider) == [1]


def test_what_a_lost_claim_learned_is_not_written(workspace: Workspace):
    picture(workspace)
    dispatch()
    (old,) = due.to_send(limit=10, busy=())
    due_now()
    (new,) = due.to_follow(limit=10, busy=())
    assert (new.state, new.claims) == ("UNKNOWN", old.claims + 1)

    writing.write([Took(old, Accepted("stale", {"task_id": "stale"}))])

    stored = Attempt.objects.get()
    assert (stored.state, stored.provider_id, stored.handle) == ("UNKNOWN", "", {})


def test_claim_is_kept_while_it_is_sent_and_a_quick_poll_is_not_put_off(workspace: Workspace):
    picture(workspace)
    dispatch()
    (one,) = due.to_send(limit=10, busy=())
    Attempt.objects.update(next_at=timezone.now())
    due.renew([one.id])
    assert due.to_follow(limit=10, busy=()) == []
    writing.write([Took(one, Accepted("x", {"task_id": "x"}, poll_after_seconds=1))])
    before = Attempt.objects.get().next_at

    due.renew([one.id])

    assert Attempt.objects.get().next_at == before


def test_credential_that_cannot_be_opened_sends_the_work_elsewhere(
    workspace: Workspace, provider: Provider, pool: Account, run: Run
):
    Account.objects.across_workspaces().filter(pk=pool.pk).update(
        credential="damaged", turn=-(10**9)
    )
    account(base_url=provider.server.url, config={"poll_seconds": 0.05}, label="Second")
    found = picture(workspace)

    for _ in range(3):
        run(hurry=True)

    assert rows.again(found).status == Status.COMPLETED
    assert [one["state"] for one in attempts(found)] == ["FAILED", "SUCCEEDED"]
    assert sent(provider) == [1]


def test_bad_key_parks_the_account_and_the_work_goes_elsewhere(
    workspace: Workspace, provider: Provider, pool: Account, run: Run
):
    accounts.set_credential(account_id=pool.pk, credential="bad")
    Account.objects.across_workspaces().filter(pk=pool.pk).update(turn=-(10**9))
    account(base_url=provider.server.url, config={"poll_seconds": 0.05}, label="Second")
    found = picture(workspace)

    for _ in range(3):
        run(hurry=True)

    assert rows.again(found).status == Status.COMPLETED
    parked = Account.objects.across_workspaces().get(pk=pool.pk)
    assert parked.status == "invalid_credentials"
    assert SlotLease.objects.count() == 0


def test_account_that_is_removed_takes_its_work_with_it_for_free(
    workspace: Workspace, pool: Account, run: Run
):
    found = picture(workspace, "[delay=1000]")
    run()
    accounts.remove(account_id=pool.pk)

    run(hurry=True)

    after = rows.again(found)
    assert (after.status, after.error_code) == (Status.FAILED, FailureCode.ACCOUNT_UNAVAILABLE)
    assert rows.balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []


def test_work_that_everybody_turns_down_is_given_up_for_free(
    workspace: Workspace, provider: Provider, run: Run
):
    provider.knobs.set({"everything": "429"})
    found = picture(workspace)
    for _ in range(19):
        rested = Account.objects.across_workspaces()
        rested.update(status="active", failures=0, resume_at=None)
        run(hurry=True)
    assert rows.again(found).status == Status.PENDING
    rested.update(status="active", failures=0, resume_at=None)

    run(hurry=True)

    after = rows.again(found)
    assert (after.status, after.error_code) == (Status.FAILED, FailureCode.ACCOUNT_UNAVAILABLE)
    assert after.error_message.endswith("Nothing was charged.")
    assert {one["state"] for one in attempts(found)} == {"FAILED"}
    assert rows.balance(workspace) == (10_000_000, 0)
    assert SlotLease.objects.count() == 0
    assert audit.differences() == []


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ("NaN", 0),
        ("-1", 0),
        ("1e308", 0),
        ("99999999999999999999999", 0),
        ("true", 0),
        ("[]", 0),
        ("0.5", 0),
        ("12.0", 12),
    ],
)
def test_price_that_cannot_be_changes_nothing_for_the_customer(
    workspace: Workspace, provider: Provider, run: Run, said: str, cost: int
):
    # Set by hand: in the words of a prompt a bracket would end it.
    provider.knobs.set({"consume": said})
    found = picture(workspace)

    run()
    run(hurry=True)

    after = rows.again(found)
    assert (after.status, after.cost_points) == (Status.COMPLETED, 20_000)
    assert attempts(found) == [{"state": "SUCCEEDED", "cost_points": cost}]
    assert rows.balance(workspace) == (10_000_000 - 20_000, 0)


def test_webhook_is_told_of_progress_where_the_model_shows_it(
    workspace: Workspace, provider: Provider, pool: Account, run: Run
):
    Account.objects.across_workspaces().filter(pk=pool.pk).update(config={"poll_seconds": 600})
    found = task(
        workspace,
        model="midjourney",
        task_type="imagine",
        input={"prompt": "a fox [delay=1000]", "process_mode": "fast"},
        webhook_endpoint="https://example.com/hook",
    )
    run()
    (upstream,) = provider.store.tasks.values()
    for seconds in (400, 400, 0, 200):
        upstream.created -= seconds
        run(hurry=True)

    told = Delivery.objects.of(workspace.pk).order_by("id")
    assert [one.kind for one in told] == [
        "task.created",
        "task.processing",
        "task.processing",
        "task.processing",
        "task.completed",
    ]
    shown = [orjson.loads(one.body)["data"]["output"]["progress"] for one in told[1:]]
    assert shown == [0, 40, 80, 100]
    assert rows.again(found).status == Status.COMPLETED


def test_webhook_without_progress_is_told_of_the_ends_only(workspace: Workspace, run: Run):
    picture(workspace, webhook_endpoint="https://example.com/hook")
    run()
    run(hurry=True)

    kinds = Delivery.objects.of(workspace.pk).order_by("id").values_list("kind", flat=True)

    assert list(kinds) == ["task.created", "task.completed"]
