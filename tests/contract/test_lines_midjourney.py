"""Lines of the compatibility checklist about Midjourney and own accounts, each over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.byoa.services import own
from apps.ops import audit
from apps.tasks.models import Attempt, PenaltyDay, Task
from tests.bridge.running import RunningBridge
from tests.contract.conftest import Client
from tests.factories.own import bridge_account, change, private, set_account
from tests.tasks.midjourney.conftest import QUICK

pytestmark = pytest.mark.django_db
Clients = Callable[..., Client]
Work = Callable[..., None]
DOLLAR, FAST, RELAX = 10_000_000, 700_000, 300_000
BAD = {"prompt": "a cat --nothing 3"}


def today() -> Any:
    return datetime.now(UTC).date()


def follow(parent: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"origin_task_id": parent["task_id"], **values}


def home_of(client: Client, **fields: Any) -> None:
    private(client.workspace, **fields)


def where(data: dict[str, Any]) -> str:
    """The account that the task ran on, and how fast."""
    attempt = Attempt.objects.select_related("account").get(task_id=data["task_id"])
    assert attempt.account is not None
    return f"{attempt.account.label} {attempt.mode}"


@pytest.mark.usefixtures("public_pool")
def test_line_05_unknown_model_and_unknown_task_type(client_of: Clients):
    client = client_of()

    unknown = client.post(
        "/api/v1/task", {"model": "midjourny", "task_type": "imagine", "input": {}}
    )
    wrong = client.create("imagin")

    assert [(status, body["code"], body["message"]) for status, body in (unknown, wrong)] == [
        (400, 400, "invalid model"),
        (400, 400, "invalid task type"),
    ]
    assert [body["error"]["code"] for _, body in (unknown, wrong)] == [10001, 10002]


@pytest.mark.usefixtures("public_pool")
def test_line_07_fast_imagine_of_v6_is_frozen_and_consumed(client_of: Clients, work: Work):
    client = client_of()

    made = client.made(values={"prompt": "a cat", "process_mode": "fast"})
    frozen = client.balance()
    work()
    found = client.read(made)

    assert made["meta"]["usage"] == {"type": "point", "frozen": 700_000, "consume": 0}
    assert frozen == (DOLLAR - 700_000, 700_000)
    assert found["status"] == "completed"
    assert found["meta"]["usage"] == {"type": "point", "frozen": 700_000, "consume": 700_000}
    assert found["error"] == {"code": 0, "raw_message": "", "message": "", "detail": None}
    assert client.balance() == (DOLLAR - 700_000, 0)
    assert audit.differences() == []


@pytest.mark.usefixtures("public_pool")
@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({"prompt": "a cat --fast", "process_mode": "turbo"}, "turbo"),
        ({"prompt": "a cat --turbo", "process_mode": "relax"}, "relax"),
        ({"prompt": "a cat --fast", "process_mode": ""}, "fast"),
        ({"prompt": "a cat --fast"}, "fast"),
        ({"prompt": "a cat", "process_mode": ""}, "relax"),
        ({"prompt": "a cat"}, "relax"),
        ({"prompt": "a cat --turbo", "process_mode": "mixed"}, "turbo"),
    ],
)
def test_line_15_mode_is_the_field_then_the_flag_then_relax(
    client_of: Clients, bridge: RunningBridge, work: Work, values: dict[str, Any], mode: str
):
    client = client_of()

    made = client.made(values=values)
    work()

    assert made["meta"]["process_mode"] == mode
    assert client.read(made)["meta"]["process_mode"] == mode
    assert [one["mode"] for one in bridge.tasks()] == [mode]


@pytest.mark.usefixtures("public_pool")
def test_line_16_upscale_once_variation_often_and_outdated_parents(client_of: Clients, work: Work):
    client = client_of()
    parent = client.made()
    work()

    first = client.made("upscale", follow(parent, index="1"))
    again = client.create("upscale", follow(parent, index="1"))
    varied = [client.made("variation", follow(parent, index="1")) for _ in range(2)]
    work()
    Task.objects.of(client.workspace.pk).filter(pk=parent["task_id"]).update(
        ended_at=timezone.now() - timedelta(hours=73)
    )
    outdated = client.create("variation", follow(parent, index="1"))

    assert (again[0], again[1]["error"]["code"]) == (400, 10005)
    assert [client.read(one)["status"] for one in (first, *varied)] == ["completed"] * 3
    assert len({one["task_id"] for one in varied}) == 2
    assert (outdated[0], outdated[1]["error"]["code"]) == (400, 10004)
    assert outdated[1]["message"] == "derive from origin task: parent task is outdated"
    assert audit.differences() == []


@pytest.mark.usefixtures("public_pool")
@pytest.mark.parametrize(
    ("plan", "mode", "expected"),
    [
        ("hobbyist", "private", "403/10300"),
        ("developer", "private", "403/10300"),
        ("premium", "public", "403/10300"),
        ("premium", "", "403/10300"),
        ("premium", "private", ""),
    ],
)
def test_line_17_bot_id_needs_premium_and_private(
    client_of: Clients, bridge: RunningBridge, work: Work, plan: str, mode: str, expected: str
):
    client = client_of(plan)
    home_of(client)
    change(client.workspace, private_families=[])
    bots = [bridge_account(client.workspace, n, base_url=bridge.url, config=QUICK) for n in "AB"]
    values = {"prompt": "a cat", "bot_id": bots[1].pk}

    if expected:
        assert client.refused(values=values, service_mode=mode) == expected
        assert client.made(values={**values, "bot_id": 0}, service_mode=mode)["status"] == "pending"
    else:
        made = client.made(values=values, service_mode=mode)
        work()
        assert (client.read(made)["status"], where(made)) == ("completed", "B relax")


@pytest.mark.usefixtures("public_pool")
def test_line_18_incorrect_tasks_of_a_hobbyist_block_and_of_a_premium_keep_the_hold(
    client_of: Clients, work: Work
):
    free, paying = client_of("hobbyist"), client_of("premium")

    refused = [free.refused(values=BAD) for _ in range(31)]
    blocked = free.create()
    PenaltyDay.objects.create(workspace=paying.workspace, day=today(), incorrect=59)
    made = []
    for _ in range(2):
        made.append(
            paying.made(values={"prompt": "a cat [fail=moderated]", "process_mode": "fast"})
        )
        work()

    assert refused == ["400/10003"] * 30 + ["429/10700"]
    assert (blocked[0], blocked[1]["error"]["code"]) == (429, 10700)
    assert free.balance() == (DOLLAR, 0)
    sixtieth, next_one = (paying.read(one) for one in made)
    assert [one["status"] for one in (sixtieth, next_one)] == ["failed", "failed"]
    assert sixtieth["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}
    assert next_one["meta"]["usage"] == {"type": "point", "frozen": FAST, "consume": FAST}
    assert [one["error"]["code"] for one in (sixtieth, next_one)] == [11002, 11002]
    assert "Nothing was charged" not in next_one["error"]["message"]
    assert paying.balance() == (DOLLAR - FAST, 0)
    assert audit.differences() == []


@pytest.mark.usefixtures("public_pool")
def test_line_19_the_hundred_and_first_relax_task_of_a_hobbyist_costs_double(
    client_of: Clients, work: Work
):
    client = client_of("hobbyist", points=5 * DOLLAR)

    made = [client.made() for _ in range(101)]
    work()

    frozen = [one["meta"]["usage"]["frozen"] for one in made]
    assert frozen == [RELAX] * 100 + [2 * RELAX]
    assert client.read(made[-1])["meta"]["usage"] == {
        "type": "point", "frozen": 2 * RELAX, "consume": 2 * RELAX,
    }  # fmt: skip
    assert client.balance() == (5 * DOLLAR - 102 * RELAX, 0)
    assert audit.differences() == []


@pytest.mark.parametrize(
    ("plan", "pool", "shown"),
    [
        ("hobbyist", "public", ""),
        ("hobbyist", "private", "discord temporary"),
        ("developer", "public", "progress"),
        ("developer", "private", "progress intermediate discord temporary"),
        ("premium", "public", "progress discord temporary"),
        ("premium", "private", "progress intermediate discord temporary"),
    ],
)
def test_line_20_fields_follow_plan_and_pool(
    client_of: Clients, public_pool: RunningBridge, work: Work, plan: str, pool: str, shown: str
):
    client = client_of(plan)
    home_of(client)
    bridge_account(client.workspace, base_url=public_pool.url, config=QUICK)

    made = client.made(values={"prompt": "a cat [delay=600]"}, service_mode=pool)
    work(1, seconds=0.3)
    public_pool.age(public_pool.tasks()[0]["id"], 0.5)
    work(1, seconds=0.3)
    running = client.read(made)["output"]
    public_pool.finish()
    work(1)
    output = client.read(made)["output"]

    found = [
        name
        for name, is_there in (
            ("progress", running["progress"] > 0),
            ("intermediate", bool(output["intermediate_image_urls"])),
            ("discord", bool(output["discord_image_url"])),
            ("temporary", bool(output["temporary_image_urls"])),
        )
        if is_there
    ]
    assert " ".join(found) == shown
    assert output["progress"] == 100
    assert output["image_url"] == f"http://testserver/files/mj/{made['task_id']}.png"
    file: Any = client.caller.client.get(output["image_url"])
    assert b"".join(file.streaming_content).startswith(b"\x89PNG")


@pytest.mark.usefixtures("public_pool")
@pytest.mark.parametrize("mode", ["relax", ""])
def test_line_29_relax_with_basic_accounts_only_is_refused_or_fails_over_and_is_charged(
    client_of: Clients, work: Work, mode: str
):
    client = client_of()
    home_of(client)
    for label in "AB":
        bridge_account(client.workspace, label, plan="basic", has_relax=False)
    values = {"prompt": "a cat", "process_mode": mode}

    refused = client.create(values=values)
    nothing_made = Task.objects.of(client.workspace.pk).count()
    change(client.workspace, failover_families=["midjourney"])
    made = client.made(values=values)
    work()
    found = client.read(made)

    assert (refused[0], refused[1]["error"]["code"], nothing_made) == (503, 10800, 0)
    assert (found["status"], where(made)) == ("completed", "Operator relax")
    assert (found["meta"]["is_using_private_pool"], found["meta"]["failover_triggered"]) == (
        False,
        True,
    )
    assert found["meta"]["usage"] == {"type": "point", "frozen": RELAX, "consume": RELAX}
    assert client.balance() == (DOLLAR - RELAX, 0)
    assert audit.differences() == []


def test_line_30_weights_share_and_paused_or_sleeping_accounts_take_follow_ups_only(
    client_of: Clients, bridge: RunningBridge, work: Work
):
    client = client_of()
    home_of(client)
    accounts = {
        weight: bridge_account(
            client.workspace, weight, weight=weight, base_url=bridge.url, config=QUICK, slots=50
        )
        for weight in ("low", "mid", "high")
    }
    made = [client.made() for _ in range(70)]
    work()
    ran = [where(one).split()[0] for one in made]
    own.pause(workspace=client.workspace, actor=None, ip=None, account_id=accounts["high"].pk)
    soon = datetime.now(UTC) + timedelta(hours=2)
    period = {"active_from": soon.time(), "active_to": (soon + timedelta(hours=2)).time()}
    set_account(accounts["mid"], **period)
    parents = {weight: made[ran.index(weight)] for weight in accounts}
    later = [client.made() for _ in range(6)]
    follow_ups = {
        weight: client.made("variation", follow(parent, index="2"))
        for weight, parent in parents.items()
    }
    work()

    assert {weight: ran.count(weight) for weight in accounts} == {"low": 10, "mid": 20, "high": 40}
    assert {where(one) for one in later} == {"low relax"}
    assert {weight: where(one) for weight, one in follow_ups.items()} == {
        weight: f"{weight} relax" for weight in accounts
    }
    everything = [*made, *later, *follow_ups.values()]
    assert {client.read(one)["status"] for one in everything} == {"completed"}
    assert all(client.read(one)["meta"]["is_using_private_pool"] for one in everything)
    assert client.balance() == (DOLLAR, 0)
    assert audit.differences() == []


def test_line_31_without_fast_hours_anywhere_all_backups_activate_together_and_stay(
    client_of: Clients, make_bridge: Callable[[], RunningBridge], work: Work
):
    client = client_of()
    home_of(client)
    spent, fresh = make_bridge(), make_bridge()
    spent.knobs(fast_hours=0.5)
    first = bridge_account(client.workspace, "A", base_url=spent.url, config=QUICK)
    backups = [
        bridge_account(client.workspace, n, base_url=fresh.url, config=QUICK, is_backup=True)
        for n in "KLM"
    ]
    fast = {"prompt": "a cat", "process_mode": "fast"}

    before = client.made(values=fast)
    work()
    ran_before = where(before)
    used_up = client.made(values=fast)
    work(3)
    after = [client.made(values=fast) for _ in range(6)]
    work()
    first.refresh_from_db()
    spent.knobs(fast_hours=10.0)
    own.change(workspace=client.workspace, actor=None, ip=None, account_id=first.pk, mode="fast")
    stay = [client.made(values=fast) for _ in range(8)]
    work()

    assert ran_before == "A fast"
    assert (first.is_out_of_fast, first.mode) == (True, "relax")
    assert client.read(used_up)["status"] == "completed"
    assert {where(one) for one in after} == {"K fast", "L fast", "M fast"}
    for one in backups:
        one.refresh_from_db()
    assert len({one.backup_activated_at for one in backups}) == 1
    assert backups[0].backup_activated_at is not None
    assert {where(one) for one in stay} == {"A fast", "K fast", "L fast", "M fast"}
