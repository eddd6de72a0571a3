"""Against a real server that speaks the contract."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.byoa.jobs import heal
from apps.byoa.models import Account
from apps.byoa.services import checks, health
from apps.core.errors import NotFound
from apps.providers.base import AccountNeedsOwner, BadCredentials, Need, ProviderUnavailable
from tests.byoa.test_health import again, history, rested, resumes_in
from tests.factories.byoa import account
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def made(upstream: Upstream) -> Account:
    return account(base_url=upstream.url, credential="right")


def parked(made: Account, error: Exception | None = None) -> Account:
    """Parked, and its time is over."""
    health.failed(account_id=made.pk, error=error or BadCredentials("Unknown key."))  # type: ignore[arg-type]
    rested(made)
    return made


def test_check_says_what_the_provider_says(made: Account, upstream: Upstream):
    upstream.knobs(balance=1_000_000_000)

    sentence = checks.check_now(account_id=made.pk)

    assert "premium" in sentence
    assert "100" in sentence


def test_check_brings_back_what_only_the_owner_could(made: Account):
    health.failed(account_id=made.pk, error=AccountNeedsOwner("Prove it.", need=Need.CAPTCHA))

    checks.check_now(account_id=made.pk)

    assert (again(made).status, again(made).status_reason) == ("active", "")
    assert [status for status, _ in history(made)] == ["captcha_required", "active"]


def test_check_parks_an_account_whose_key_is_wrong(upstream: Upstream):
    made = account(base_url=upstream.url, credential="bad")

    with pytest.raises(BadCredentials):
        checks.check_now(account_id=made.pk)

    assert again(made).status == "invalid_credentials"


def test_check_of_a_server_that_is_down_changes_nothing(made: Account, upstream: Upstream):
    upstream.knobs(everything="503")

    with pytest.raises(ProviderUnavailable):
        checks.check_now(account_id=made.pk)

    assert (again(made).status, again(made).failures) == ("active", 0)
    with pytest.raises(NotFound):
        checks.check_now(account_id=0)


def test_parked_account_heals_by_itself_once_it_works(made: Account):
    parked(made)

    assert checks.heal() == 1

    found = again(made)
    assert (found.status, found.status_reason, found.failures, found.resume_at) == (
        "active",
        "",
        0,
        None,
    )
    assert [status for status, _ in history(made)] == ["invalid_credentials", "active"]
    assert checks.heal() == 0


def test_checks_in_vain_come_ever_more_rarely_and_fill_no_history(
    made: Account, upstream: Upstream
):
    upstream.knobs(everything="401")
    parked(made)
    since = again(made).status_since

    waits = []
    for _ in range(7):
        assert checks.heal() == 1
        waits.append(round((resumes_in(made) or 0) / 60))
        rested(made)

    assert waits == [20, 40, 80, 160, 320, 360, 360]
    assert (again(made).status, again(made).status_since) == ("invalid_credentials", since)
    assert [status for status, _ in history(made)] == ["invalid_credentials"]


def test_check_that_finds_something_else_starts_anew(made: Account, upstream: Upstream):
    parked(made)
    upstream.knobs(everything="402")

    checks.heal()

    assert again(made).status == "no_balance"
    assert resumes_in(made) == pytest.approx(600, abs=5)
    assert [status for status, _ in history(made)] == ["invalid_credentials", "no_balance"]


@pytest.mark.parametrize("answer", ["503", "html", "lost"])
def test_check_without_an_answer_leaves_it_as_it_was(
    made: Account, upstream: Upstream, answer: str
):
    parked(made)
    upstream.knobs(everything=answer)

    checks.heal()

    found = again(made)
    assert (found.status, found.status_reason) == ("invalid_credentials", "Unknown key.")
    assert resumes_in(made) == pytest.approx(1200, abs=5)


@pytest.mark.parametrize(
    "put_off",
    [
        lambda made: health.failed(
            account_id=made.pk, error=AccountNeedsOwner("Prove it.", need=Need.CAPTCHA)
        ),
        lambda made: health.failed(
            account_id=made.pk, error=AccountNeedsOwner("Blocked.", need=Need.BANNED)
        ),
        lambda made: health.failed(account_id=made.pk, error=BadCredentials("Not yet due.")),
        lambda made: Account.objects.across_workspaces().update(
            status="no_balance", resume_at=made.created_at, is_paused=True
        ),
        lambda made: Account.objects.across_workspaces().update(
            status="cooling", resume_at=made.created_at
        ),
    ],
    ids=["captcha", "ban", "not yet due", "paused", "cooling"],
)
def test_what_is_not_due_is_not_checked(made: Account, put_off: Callable[[Account], Any]):
    put_off(made)
    before = again(made).status

    assert checks.heal() == 0
    assert again(made).status == before


def test_check_that_died_is_done_again_and_its_status_comes_from_the_history(
    made: Account, upstream: Upstream
):
    health.failed(account_id=made.pk, error=AccountNeedsOwner("Empty.", need=Need.BALANCE))
    Account.objects.across_workspaces().update(status="checking", resume_at=made.created_at)
    upstream.knobs(everything="503")

    assert checks.heal() == 1

    assert again(made).status == "no_balance"


def test_account_whose_key_cannot_be_opened_needs_its_owner(
    made: Account, settings: Any, caplog: pytest.LogCaptureFixture
):
    parked(made)
    settings.SEALING_KEYS = ["another key"]

    assert checks.heal() == 1

    found = again(made)
    assert (found.status, found.status_reason) == (
        "setup_required",
        "The key that sealed this value is not in SEALING_KEYS.",
    )


def test_fault_in_one_check_does_not_keep_others_from_theirs(upstream: Upstream):
    broken = account(base_url=upstream.url, config={"service_mode": "public"})
    sound = account(base_url=upstream.url)
    parked(broken)
    parked(sound)
    Account.objects.across_workspaces().filter(pk=broken.pk).update(
        provider="gone", resume_at=broken.created_at
    )

    assert checks.heal() == 2

    assert (again(broken).status, again(sound).status) == ("setup_required", "active")


def test_check_holds_no_lock_while_it_waits(
    made: Account, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    parked(made)
    seen: list[tuple[bool, str]] = []
    send = checks.egress.send

    def observed(request: Any) -> Any:
        seen.append((connection.in_atomic_block, again(made).status))
        return send(request)

    monkeypatch.setattr(checks.egress, "send", observed)
    checks.heal()

    assert seen == [(False, "checking")]


def test_job_heals(made: Account):
    parked(made)

    heal()

    assert again(made).status == "active"
