from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from apps.byoa import selectors
from apps.byoa.models import Account, AccountEvent, SlotLease
from apps.byoa.services import accounts, health, statuses
from apps.byoa.services.accounts import Terms
from apps.byoa.services.terms import terms_of
from apps.core.errors import InvalidRequest, NotFound
from apps.providers import registry
from apps.providers.base import BadCredentials
from apps.tasks.models import Attempt
from tests.byoa.test_health import again, history, resumes_in
from tests.byoa.test_slots import later, lease
from tests.factories import WorkspaceFactory, task
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

TERMS = Terms(label="Upstream", base_url="https://up.example.com/prefix/")


def refused(
    provider: str = "federation", credential: str = "key", **fields: Any
) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        accounts.add_account(
            provider=provider, terms=replace(TERMS, **fields), credential=credential
        )
    assert caught.value.detail is not None
    assert Account.objects.across_workspaces().count() == 0
    return caught.value.detail["field"], caught.value.message


def test_account_is_added_with_its_terms_and_a_sealed_credential():
    terms = replace(
        TERMS,
        config={"service_mode": "public"},
        families=("flux", "kling"),
        weight="high",
        slots=7,
        requests_per_minute=90,
        daily_cap=1_000,
        active_from=time(8),
        active_to=time(20, 30),
        time_zone="Europe/Berlin",
    )

    made = accounts.add_account(provider="federation", terms=terms, credential="  s3cret\n")

    made.refresh_from_db()
    assert (made.workspace_id, made.status, terms_of(made)) == (None, "active", terms)
    assert "s3cret" not in made.credential
    assert selectors.access(made).credential == "s3cret"
    assert list(made.events.values_list("status", "reason")) == [("active", "Added.")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", "  "),
        ("label", "x" * 101),
        ("label", "a\x00b"),
        ("families", ("kling", "klong")),
        ("weight", "heavy"),
        ("slots", 0),
        ("slots", 10_001),
        ("slots", 2**70),
        ("requests_per_minute", 0),
        ("daily_cap", 0),
        ("daily_cap", 2**31),
        ("time_zone", "Berlin"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", ""),
        ("config", {"a": "x" * 20_000}),
        ("config", {"a": object()}),
        ("config", {"a": "\x00"}),
        ("config", {"block_until": "soon"}),
    ],
)
def test_terms_that_make_no_sense_are_refused(field: str, value: Any):
    assert refused(**{field: value})[0] == field


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "up.example.com",
        "ftp://up.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@up.example.com",
        "https://up.example.com/?key=1",
        "https://up.example.com/#x",
        "https://up.example.com?",
        "https://up.example.com/a b",
        "https://up.example.com\\@evil.example.com",
        "https://up.example.com:0",
        "https://up.example.com/" + "x" * 2048,
    ],
)
def test_address_that_is_more_or_less_than_an_address_is_refused(base_url: str):
    field, message = refused(base_url=base_url)

    assert field == "base_url"
    assert "secret" not in message


@pytest.mark.parametrize(("start", "end"), [(time(8), None), (None, time(8)), (time(8), time(8))])
def test_period_needs_two_different_ends(start: time | None, end: time | None):
    assert refused(active_from=start, active_to=end)[0] == "active_to"


@pytest.mark.parametrize("credential", ["a\nb", "a\r\nX-Evil: 1", "кey", "k" * 8_001, "a\x00b"])
def test_credential_that_fits_no_header_is_refused_without_repeating_it(credential: str):
    field, message = refused(credential=credential)

    assert field == "credential"
    assert credential not in message


def test_provider_without_an_adapter_is_refused():
    known = ", ".join(registry.names())

    assert refused(provider="somebody") == (
        "provider",
        f"provider: It must be one of these: {known}.",
    )


# --------------------------------------------------------------------------------- changing
def test_change_touches_only_what_it_names():
    made = account(slots=3, weight="low", daily_cap=5)

    accounts.change(account_id=made.pk, weight="high", daily_cap=None)

    assert terms_of(again(made)) == replace(terms_of(made), weight="high", daily_cap=None)
    with pytest.raises(InvalidRequest):
        accounts.change(account_id=made.pk, slots=0)
    assert again(made).slots == 3


@pytest.mark.parametrize(
    "base_url",
    [
        "https://evil.example.com",
        "http://upstream.example.com",
        "https://upstream.example.com:8443",
    ],
)
def test_credential_goes_to_no_other_server_than_it_was_entered_for(base_url: str):
    made = account(credential="ours")

    with pytest.raises(InvalidRequest, match="credential"):
        accounts.change(account_id=made.pk, base_url=base_url)
    assert again(made).base_url == made.base_url

    accounts.change(account_id=made.pk, base_url=base_url, credential="theirs")
    access = selectors.access(again(made))
    assert (access.base_url, access.credential) == (base_url, "theirs")


def test_path_of_the_same_server_changes_freely():
    made = account(credential="ours")

    accounts.change(account_id=made.pk, base_url="https://UPSTREAM.example.com:443/v2")

    assert selectors.access(again(made)).credential == "ours"


def test_new_credential_has_a_parked_account_checked_soon():
    made = account()
    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))

    accounts.set_credential(account_id=made.pk, credential="better")

    assert selectors.access(again(made)).credential == "better"
    assert resumes_in(made) == pytest.approx(0, abs=2)
    assert history(made) == [
        ("invalid_credentials", "Unknown key."),
        ("invalid_credentials", "It was given another credential."),
    ]


def test_pausing_is_told_once_in_the_history():
    made = account()

    for _ in range(2):
        accounts.pause(account_id=made.pk)
    assert again(made).is_paused
    for _ in range(2):
        accounts.resume(account_id=made.pk)

    assert not again(made).is_paused
    assert history(made) == [("active", "Paused."), ("active", "Resumed.")]


@pytest.mark.parametrize(
    "call",
    [
        lambda: accounts.change(account_id=0, slots=2),
        lambda: accounts.pause(account_id=0),
        lambda: accounts.remove(account_id=0),
    ],
)
def test_account_that_is_not_there_is_not_found(call: Any):
    with pytest.raises(NotFound):
        call()


# --------------------------------------------------------------------------------- removing
def test_removed_account_leaves_its_attempts_without_it():
    made, other = account(), account()
    lease(made.pk)
    kept = lease(other.pk)
    attempt = Attempt.objects.create(
        task=task(WorkspaceFactory.create()),
        number=1,
        provider="federation",
        job="",
        account=made,
        state=Attempt.State.ACCEPTED,
        next_at=later(),
    )

    accounts.remove(account_id=made.pk)

    attempt.refresh_from_db()
    assert (attempt.account_id, attempt.state) == (None, "ACCEPTED")
    assert list(Account.objects.across_workspaces().values_list("id", flat=True)) == [other.pk]
    assert list(SlotLease.objects.values_list("id", flat=True)) == [kept.pk]
    assert set(AccountEvent.objects.values_list("account_id", flat=True)) == {other.pk}


@pytest.mark.django_db(transaction=True)
def test_credential_is_gone_even_when_the_rest_of_a_removal_fails(
    monkeypatch: pytest.MonkeyPatch,
):
    made = account()

    def broken(self: Account) -> None:
        raise RuntimeError

    monkeypatch.setattr(Account, "delete", broken)
    with pytest.raises(RuntimeError):
        accounts.remove(account_id=made.pk)

    assert (again(made).credential, again(made).is_paused) == ("", True)


def test_old_history_is_forgotten_but_for_the_newest_row_of_each():
    busy, quiet = account(), account()
    health.failed(account_id=busy.pk, error=BadCredentials("Unknown key."))
    AccountEvent.objects.update(created_at=later(-91 * 24 * 3600))
    accounts.pause(account_id=busy.pk)

    assert statuses.forget_old_events() == 2

    left = AccountEvent.objects.order_by("id").values_list("account_id", "reason")
    assert list(left) == [(quiet.pk, "Added."), (busy.pk, "Paused.")]
