"""Own accounts, against real servers that speak the contract or a bridge's interface."""

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import AuditEvent, User, Workspace
from apps.byoa import selectors
from apps.byoa.models import Account, AccountEvent
from apps.byoa.selectors import NoSeat
from apps.byoa.services import accounts, checklist, health, own
from apps.byoa.services import seats as seating
from apps.byoa.services.terms import Terms, terms_of
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.notifications.models import Notice
from apps.providers.base import AccountNeedsOwner, BadCredentials, Need
from tests.byoa.test_health import again
from tests.byoa.test_slots import lease
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.byoa import account, own_account, seats
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db

CANARY = "canary-credential-0815"
KLING: dict[str, Any] = {"family": "kling", "provider": "federation", "credential": "ours"}


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def owner(workspace: Workspace) -> User:
    return owner_of(workspace)


def connect(
    workspace: Workspace, upstream: Upstream, *, terms: Terms | None = None, **fields: Any
) -> Account:
    given = {**KLING, "actor": owner_of(workspace), "ip": "203.0.113.9", "confirmed": True}
    return own.connect(
        workspace=workspace,
        terms=terms or Terms(label="Ours", base_url=upstream.url),
        **{**given, **fields},
    )


def refused(connecting: Callable[[], Any]) -> tuple[str, str]:
    """The field and the words."""
    with pytest.raises(InvalidRequest) as caught:
        connecting()
    assert caught.value.detail is not None
    return caught.value.detail["field"], caught.value.message


def audited(workspace: Workspace) -> list[tuple[str, dict[str, Any]]]:
    rows = AuditEvent.objects.of(workspace.pk).order_by("id")
    return [
        (row.action, {name: row.detail[name] for name in row.detail if name not in _ALWAYS})
        for row in rows
        if row.action.startswith("account.")
    ]


_ALWAYS = ("account", "family", "provider")


def who(workspace: Workspace, made: Account) -> dict[str, Any]:
    return {"workspace": workspace, "actor": None, "ip": None, "account_id": made.pk}


# ------------------------------------------------------------------------------ connecting
def test_account_is_connected_on_a_seat_and_audited_without_its_credential(
    workspace: Workspace, upstream: Upstream, owner: User
):
    seats(workspace, "kling")
    terms = Terms(
        label="Ours",
        base_url=upstream.url,
        weight="high",
        slots=4,
        tags=("berlin",),
        is_backup=True,
    )

    made = connect(workspace, upstream, terms=terms, credential=f" {CANARY}\n")

    assert terms_of(made) == replace(terms, families=("kling",))
    assert (made.workspace_id, made.created_by, made.status) == (workspace.pk, owner, "active")
    assert made.confirmed_at is not None
    assert made.checked_at is not None
    assert (made.plan, selectors.access(made).credential) == ("premium", CANARY)
    assert list(made.events.values_list("status", "reason")) == [("active", "Connected.")]
    event = AuditEvent.objects.of(workspace.pk).get(action="account.connected")
    assert (event.actor, event.ip, event.target) == (owner, "203.0.113.9", "Ours")
    assert event.detail == {
        "account": made.pk,
        "family": "kling",
        "provider": "federation",
        "host": "127.0.0.1",
    }


def test_check_before_says_what_the_provider_says_and_stores_nothing(
    workspace: Workspace, upstream: Upstream
):
    seats(workspace, "kling")
    terms = Terms(label="Ours", base_url=upstream.url)

    found = own.check_before(workspace=workspace, terms=terms, **KLING)

    assert found.plan == "premium"
    assert Account.objects.across_workspaces().count() == 0
    assert audited(workspace) == []


def test_account_needs_a_free_seat_of_its_family(workspace: Workspace, upstream: Upstream):
    seats(workspace, "flux", 5)
    seats(WorkspaceFactory.create(), "kling", 5)
    with pytest.raises(NoSeat) as caught:
        connect(workspace, upstream)
    assert caught.value.type == "no_seat"

    seats(workspace, "kling")
    connect(workspace, upstream)

    with pytest.raises(NoSeat):
        connect(workspace, upstream, credential="another")
    assert Account.objects.of(workspace.pk).count() == 1
    assert upstream.totals()["tasks"] == 0


def test_owner_must_confirm(workspace: Workspace, upstream: Upstream):
    seats(workspace, "kling")

    field, _ = refused(lambda: connect(workspace, upstream, confirmed=False))

    assert field == "confirmed"
    assert Account.objects.of(workspace.pk).count() == 0


@pytest.mark.parametrize(
    ("fields", "terms", "field"),
    [
        ({"provider": "local"}, {}, "provider"),
        ({"provider": "somebody"}, {}, "provider"),
        ({}, {"label": " "}, "label"),
        ({}, {"weight": "heavy"}, "weight"),
        ({}, {"mode": "fast"}, "mode"),
        ({}, {"tags": ("x" * 31,)}, "tags"),
        ({}, {"tags": ("",)}, "tags"),
        ({}, {"tags": (" padded",)}, "tags"),
        ({}, {"tags": tuple(str(number) for number in range(21))}, "tags"),
        ({}, {"base_url": ""}, "base_url"),
        ({}, {"base_url": "http://10.1.2.3"}, "base_url"),
        ({}, {"base_url": "http://localhost:9"}, "base_url"),
        ({}, {"base_url": "http://169.254.169.254"}, "base_url"),
        ({}, {"base_url": "https://user:pw@example.com"}, "base_url"),
        ({"credential": " "}, {}, "credential"),
        ({"credential": "a\nb"}, {}, "credential"),
        ({"credential": "bad"}, {}, "credential"),
    ],
)
def test_account_that_makes_no_sense_is_not_connected(
    workspace: Workspace,
    upstream: Upstream,
    fields: dict[str, Any],
    terms: dict[str, Any],
    field: str,
):
    seats(workspace, "kling")
    given = Terms(**{"label": "Ours", "base_url": upstream.url, **terms})

    assert refused(lambda: connect(workspace, upstream, terms=given, **fields))[0] == field
    assert Account.objects.of(workspace.pk).count() == 0
    assert audited(workspace) == []


@pytest.mark.parametrize(
    ("answer", "field"),
    [("401", "credential"), ("402", "credential"), ("503", "base_url"), ("html", "base_url")],
)
def test_account_that_its_provider_does_not_accept_is_not_connected(
    workspace: Workspace, upstream: Upstream, answer: str, field: str
):
    seats(workspace, "kling")
    upstream.knobs(everything=answer)

    found, words = refused(lambda: connect(workspace, upstream, credential=CANARY))

    assert found == field
    assert words.startswith(f"{field}: The provider says: ")
    assert CANARY not in words
    assert Account.objects.of(workspace.pk).count() == 0


def test_private_address_is_refused_unless_the_operator_allows_it(
    workspace: Workspace, upstream: Upstream, settings: Any
):
    seats(workspace, "kling")
    settings.EGRESS_ALLOW = []

    assert refused(lambda: connect(workspace, upstream))[0] == "base_url"


# --------------------------------------------------------- one seat for each account there
def test_account_on_another_seat_is_refused_without_saying_whose(
    workspace: Workspace, upstream: Upstream
):
    neighbour = WorkspaceFactory.create(name="Neighbour Ltd")
    seats(neighbour, "kling")
    seats(workspace, "kling", 2)
    seats(workspace, "flux")
    connect(neighbour, upstream, credential=CANARY)

    field, words = refused(lambda: connect(workspace, upstream, credential=CANARY))

    assert (field, "Neighbour" in words, CANARY in words) == ("credential", False, False)
    connect(workspace, upstream, credential="ours")
    for family in ("kling", "flux"):
        # Not on another seat of the same workspace either.
        assert refused(lambda f=family: connect(workspace, upstream, family=f))[0] == "credential"
    assert Account.objects.of(workspace.pk).count() == 1


def test_same_words_at_another_server_are_another_account(
    workspace: Workspace, make_upstream: Callable[[], Upstream]
):
    seats(workspace, "kling", 2)
    first, second = make_upstream(), make_upstream()

    connect(workspace, first)
    connect(workspace, second)

    digests = Account.objects.of(workspace.pk).values_list("credential_digest", flat=True)
    assert len(set(digests)) == 2
    assert all("ours" not in digest and len(digest) == 64 for digest in digests)


def test_path_and_letter_case_of_the_address_make_no_other_account(
    workspace: Workspace, upstream: Upstream
):
    seats(workspace, "kling", 2)
    connect(workspace, upstream)
    other = Terms(label="Again", base_url=upstream.url.replace("http", "HTTP") + "/")

    assert refused(lambda: connect(workspace, upstream, terms=other))[0] == "credential"


def test_credential_is_free_again_once_its_account_is_deleted(
    workspace: Workspace, upstream: Upstream
):
    neighbour = WorkspaceFactory.create()
    seats(workspace, "kling")
    seats(neighbour, "kling")
    made = connect(workspace, upstream)

    own.delete(**who(workspace, made))

    assert connect(neighbour, upstream).workspace_id == neighbour.pk


def test_operators_account_may_share_its_credential(workspace: Workspace, upstream: Upstream):
    seats(workspace, "kling")
    account(base_url=upstream.url, credential="ours")
    account(base_url=upstream.url, credential="ours")

    assert connect(workspace, upstream).workspace_id == workspace.pk


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_at_once_on_the_last_seat_leave_one_account(workspace: Workspace, upstream: Upstream):
    seats(workspace, "kling")

    problems = at_once(
        *[lambda n=n: connect(workspace, upstream, credential=f"key-{n}") for n in range(4)]
    )

    assert [type(one) for one in problems] == [NoSeat] * 3
    assert Account.objects.of(workspace.pk).count() == 1


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_same_account_connected_twice_at_once_sits_on_one_seat(upstream: Upstream):
    workspaces = [WorkspaceFactory.create() for _ in range(4)]
    for one in workspaces:
        seats(one, "kling")

    problems = at_once(*[lambda w=one: connect(w, upstream) for one in workspaces])

    assert [type(one) for one in problems] == [InvalidRequest] * 3
    assert Account.objects.across_workspaces().count() == 1


# -------------------------------------------------------------------------------- changing
def test_change_touches_what_it_names_and_says_so(workspace: Workspace):
    made = own_account(workspace, "kling", daily_cap=5)

    own.change(**who(workspace, made), weight="high", tags=("spare",), daily_cap=5)

    assert terms_of(again(made)) == replace(terms_of(made), weight="high", tags=("spare",))
    assert audited(workspace) == [("account.changed", {"weight": "high", "tags": ["spare"]})]


def test_change_of_nothing_leaves_no_audit_event(workspace: Workspace):
    made = own_account(workspace, "kling", weight="low")

    own.change(**who(workspace, made), weight="low")

    assert audited(workspace) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"families": ("flux",)}, "families"),
        ({"is_backup": True}, "is_backup"),
        ({"base_url": "https://elsewhere.example.com"}, "base_url"),
        ({"base_url": "http://10.0.0.1"}, "base_url"),
        ({"slots": 0}, "slots"),
        ({"mode": "relax"}, "mode"),
    ],
)
def test_change_that_cannot_be_is_refused(workspace: Workspace, values: dict[str, Any], field: str):
    made = own_account(workspace, "kling")

    assert refused(lambda: own.change(**who(workspace, made), **values))[0] == field
    assert terms_of(again(made)) == terms_of(made)
    assert audited(workspace) == []


def test_activated_backup_is_no_backup_again_by_a_change(workspace: Workspace):
    made = own_account(workspace, is_backup=True)

    field, words = refused(lambda: own.change(**who(workspace, made), is_backup=False))

    assert (field, "connect it again" in words) == ("is_backup", True)
    own.change(**who(workspace, made), weight="low", is_backup=True)
    assert (again(made).is_backup, again(made).weight) == (True, "low")


def test_path_of_an_address_is_not_audited(workspace: Workspace):
    made = own_account(workspace, "kling")

    own.change(
        **who(workspace, made),
        base_url="https://upstream.example.com/t0ken",
        config={"poll_seconds": 5},
    )

    assert again(made).base_url == "https://upstream.example.com/t0ken"
    assert audited(workspace) == [
        ("account.changed", {"host": "upstream.example.com", "config": "changed"})
    ]


def test_choosing_fast_says_that_there_is_fast_time_again(workspace: Workspace):
    made = own_account(workspace)
    health.failed(account_id=made.pk, error=AccountNeedsOwner("None.", need=Need.FAST_HOURS))
    assert (again(made).mode, again(made).is_out_of_fast) == ("relax", True)

    own.change(**who(workspace, made), mode="fast")

    assert (again(made).mode, again(made).is_out_of_fast, again(made).fast_hours) == (
        "fast",
        False,
        None,
    )


# ------------------------------------------------------------------- another credential
def test_wrong_credential_does_not_replace_a_right_one(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="right")

    found = refused(lambda: own.replace_credential(**who(workspace, made), credential="bad"))

    assert found[0] == "credential"
    assert selectors.access(again(made)).credential == "right"
    assert audited(workspace) == []


def test_right_credential_brings_back_an_account_with_a_wrong_one(
    workspace: Workspace, upstream: Upstream
):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="old")
    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))

    own.replace_credential(**who(workspace, made), credential="right")

    found = again(made)
    assert (found.status, found.plan, selectors.access(found).credential) == (
        "active",
        "premium",
        "right",
    )
    assert audited(workspace) == [("account.changed", {"credential": "replaced"})]
    # The old one may be connected elsewhere, the new one not.
    neighbour = WorkspaceFactory.create()
    seats(neighbour, "kling", 2)
    connect(neighbour, upstream, credential="old")
    assert refused(lambda: connect(neighbour, upstream, credential="right"))[0] == "credential"


def test_credential_is_replaced_while_the_server_is_down(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="leaked")
    upstream.knobs(everything="503")

    own.replace_credential(**who(workspace, made), credential="fresh")

    assert (again(made).status, selectors.access(again(made)).credential) == ("active", "fresh")


def test_credential_of_another_seat_replaces_nothing(workspace: Workspace, upstream: Upstream):
    neighbour = WorkspaceFactory.create()
    own_account(neighbour, "kling", base_url=upstream.url, credential="theirs")
    made = own_account(workspace, "kling", base_url=upstream.url, credential="ours")

    found = refused(lambda: own.replace_credential(**who(workspace, made), credential="theirs"))

    assert found[0] == "credential"
    assert selectors.access(again(made)).credential == "ours"


# ----------------------------------------------------------------------- pausing, checking
def test_pausing_and_starting_are_audited_once(workspace: Workspace):
    made = own_account(workspace)

    for _ in range(2):
        own.pause(**who(workspace, made))
    assert again(made).is_paused
    for _ in range(2):
        own.start(**who(workspace, made))

    assert not again(made).is_paused
    assert audited(workspace) == [("account.paused", {}), ("account.started", {})]


def test_pausing_the_last_account_activates_backups_or_says_that_none_is_left(
    workspace: Workspace,
):
    first, backup = own_account(workspace), own_account(workspace, is_backup=True)
    neighbours = own_account(WorkspaceFactory.create(), is_backup=True)

    own.pause(**who(workspace, first))
    assert again(backup).backup_activated_at is not None
    assert again(neighbours).backup_activated_at is None
    own.pause(**who(workspace, backup))

    told = Notice.objects.of(workspace.pk).order_by("id").values_list("type", "detail")
    assert list(told) == [
        (
            "account_backup_activated",
            {
                "family": "midjourney",
                "account_ids": [backup.pk],
                "reason": "No other account is active.",
            },
        ),
        ("no_active_mj_bot", {}),
    ]
    assert Notice.objects.across_workspaces().exclude(workspace=workspace).count() == 0


def test_owner_says_that_a_captcha_is_solved(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url)
    health.failed(account_id=made.pk, error=AccountNeedsOwner("Prove it.", need=Need.CAPTCHA))

    assert "premium" in own.recheck(**who(workspace, made))

    assert again(made).status == "active"
    assert audited(workspace) == [("account.checked", {})]


def test_recheck_that_finds_it_broken_says_so_without_the_credential(
    workspace: Workspace, upstream: Upstream
):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="bad")

    with pytest.raises(InvalidRequest, match="The provider says: "):
        own.recheck(**who(workspace, made))

    assert again(made).status == "invalid_credentials"


# --------------------------------------------------------------------------------- deleting
def test_deleted_account_says_what_ran_there_and_leaves_no_credential(
    workspace: Workspace, upstream: Upstream
):
    made = own_account(workspace)
    kept = own_account(workspace)
    lease(made.pk)
    lease(made.pk, seconds=-1)
    lease(kept.pk)

    assert own.delete(**who(workspace, made)) == 1

    assert [one.pk for one in own.mine(workspace_id=workspace.pk)] == [kept.pk]
    assert audited(workspace) == [("account.deleted", {"running": 1})]
    assert Notice.objects.of(workspace.pk).count() == 0


def test_deleting_the_last_account_tells_that_none_is_left(workspace: Workspace):
    made = own_account(workspace)

    own.delete(**who(workspace, made))

    told = Notice.objects.of(workspace.pk).get()
    assert (told.type, told.url) == (
        "no_active_mj_bot",
        f"/w/{workspace.slug}/accounts/midjourney",
    )


def test_account_that_took_nothing_before_is_no_news_when_it_goes(workspace: Workspace):
    paused = own_account(workspace, is_paused=True)
    banned = own_account(workspace, status="banned")

    own.pause(**who(workspace, banned))
    for one in (paused, banned):
        own.delete(**who(workspace, one))

    assert Notice.objects.of(workspace.pk).count() == 0


@pytest.mark.django_db(transaction=True)
def test_credential_is_gone_even_when_the_rest_of_a_deletion_fails(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    made = own_account(workspace)

    def broken(self: Account) -> None:
        raise RuntimeError

    monkeypatch.setattr(Account, "delete", broken)
    with pytest.raises(RuntimeError):
        own.delete(**who(workspace, made))

    found = again(made)
    assert (found.credential, found.credential_digest, found.is_paused) == ("", None, True)


# -------------------------------------------------------------------------------- tenancy
@pytest.mark.parametrize(
    "call",
    [
        lambda who: own.change(**who, weight="high"),
        lambda who: own.replace_credential(**who, credential="mine"),
        lambda who: own.pause(**who),
        lambda who: own.start(**who),
        lambda who: own.recheck(**who),
        lambda who: own.delete(**who),
        lambda who: checklist.run(workspace_id=who["workspace"].pk, account_id=who["account_id"]),
    ],
    ids=["change", "replace", "pause", "start", "recheck", "delete", "checklist"],
)
@pytest.mark.parametrize("whose", ["neighbour", "operator", "nobody"])
def test_account_of_somebody_else_is_not_found(
    workspace: Workspace, call: Callable[[dict[str, Any]], Any], whose: str
):
    theirs = account() if whose == "operator" else own_account(WorkspaceFactory.create())
    before = Account.objects.across_workspaces().values().get()
    target = theirs if whose != "nobody" else Account(pk=0)

    with pytest.raises(NotFound):
        call(who(workspace, target))

    assert Account.objects.across_workspaces().values().get() == before
    assert own.mine(workspace_id=workspace.pk) == []
    assert audited(workspace) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda made: accounts.change(account_id=made.pk, weight="high"),
        lambda made: accounts.pause(account_id=made.pk),
        lambda made: accounts.check_now(account_id=made.pk),
        lambda made: accounts.remove(account_id=made.pk),
    ],
)
def test_customers_account_is_not_found_as_one_of_the_operators(
    workspace: Workspace, call: Callable[[Account], Any]
):
    made = own_account(workspace)

    with pytest.raises(NotFound):
        call(made)


def test_operators_pool_has_no_backups():
    terms = Terms(label="Up", base_url="https://up.example.com", is_backup=True)

    with pytest.raises(InvalidRequest, match="is_backup"):
        accounts.add_account(provider="federation", terms=terms, credential="key")


# --------------------------------------------------------------------------------- secrets
def test_credential_stands_nowhere_but_sealed(
    workspace: Workspace, upstream: Upstream, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    seats(workspace, "kling", 2)
    said: list[str] = []

    def attempt(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except DomainError as error:
            said.append(f"{error!r} {error.detail}")
            return None

    made = connect(workspace, upstream, credential=CANARY)
    attempt(lambda: connect(workspace, upstream, credential=CANARY))
    upstream.knobs(everything="401")
    attempt(lambda: connect(workspace, upstream, credential=f"{CANARY}-2"))
    attempt(lambda: own.replace_credential(**who(workspace, made), credential=f"{CANARY}-3"))
    attempt(lambda: own.recheck(**who(workspace, made)))
    said += [str(checklist.run(workspace_id=workspace.pk, account_id=made.pk))]
    upstream.knobs(everything="")
    attempt(lambda: own.replace_credential(**who(workspace, made), credential=f"{CANARY}-4"))
    seats(workspace, "kling", 0)
    seating.sync(workspace_id=workspace.pk)

    assert len(said) == 5
    kept = [
        caplog.text,
        *said,
        *map(str, AuditEvent.objects.of(workspace.pk).values()),
        *map(str, AccountEvent.objects.values()),
        *map(str, Account.objects.across_workspaces().values()),
        *map(str, Notice.objects.across_workspaces().values()),
    ]
    assert [text for text in kept if "canary-credential" in text] == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM byoa_account a WHERE a::text LIKE '%canary-cred%'")
        assert cursor.fetchone() == (0,)


# ------------------------------------------------------------------------ what a bridge tells
def test_bridge_tells_plan_hours_and_slots(workspace: Workspace, bridge: Any):
    seats(workspace)
    bridge.knobs(plan="basic", fast_hours=2.5, slots=3)

    made = connect(workspace, bridge, family="midjourney", provider="midjourney_bridge")

    assert (made.mode, made.plan, made.fast_hours, made.has_relax, made.slots) == (
        "fast",
        "basic",
        Decimal("2.50"),
        False,
        3,
    )


@pytest.mark.parametrize(("wanted", "slots"), [(10, 5), (2, 2), (9, 5)])
def test_account_has_no_more_slots_than_its_provider_allows(
    workspace: Workspace, bridge: Any, wanted: int, slots: int
):
    seats(workspace)
    bridge.knobs(slots=5)
    terms = Terms(label="Ours", base_url=bridge.url, slots=wanted)

    made = connect(
        workspace, bridge, terms=terms, family="midjourney", provider="midjourney_bridge"
    )

    assert made.slots == slots


def test_account_without_fast_hours_is_connected_for_slow_work(workspace: Workspace, bridge: Any):
    seats(workspace)
    bridge.knobs(fast_hours=0.0)

    made = connect(workspace, bridge, family="midjourney", provider="midjourney_bridge")

    assert (made.status, made.mode, made.is_out_of_fast) == ("active", "relax", True)
    told = Notice.objects.of(workspace.pk).get()
    assert (told.type, told.detail) == (
        "mj_bot_no_fasthour",
        {"bot_id": made.pk, "bot_name": "Ours", "subscription_plan": "standard"},
    )
