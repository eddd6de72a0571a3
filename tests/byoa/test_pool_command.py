import io
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.services import health
from apps.byoa.services.terms import terms_of
from apps.providers.base import AccountNeedsOwner, Need
from tests.byoa.test_health import again
from tests.byoa.test_slots import lease
from tests.factories.byoa import account
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db(transaction=True)

ADD = ("add", "--provider", "federation", "--label", "Next door")


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def _credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_CREDENTIAL", "right")


def pool(*arguments: object) -> str:
    out = io.StringIO()
    call_command("pool", *[str(one) for one in arguments], stdout=out, stderr=io.StringIO())
    return out.getvalue()


def only_account() -> Account:
    return Account.objects.across_workspaces().get()


def test_account_is_added_and_its_id_printed():
    said = pool(
        *ADD, "--base-url", "https://up.example.com", "--slots", 4, "--weight", "high", "--families", "kling, flux",
        "--rpm", 60, "--daily-cap", 900, "--active", "22:00-06:30", "--time-zone", "Europe/Berlin",
        "--config", '{"service_mode":"public"}', "--json",
    )  # fmt: skip

    made = only_account()
    assert orjson.loads(said) == {"id": made.pk}
    terms = terms_of(made)
    assert (terms.slots, terms.weight, terms.families) == (4, "high", ("kling", "flux"))
    assert (terms.requests_per_minute, terms.daily_cap) == (60, 900)
    assert (str(terms.active_from), str(terms.active_to)) == ("22:00:00", "06:30:00")
    assert (terms.time_zone, terms.config) == ("Europe/Berlin", {"service_mode": "public"})
    assert selectors.access(made).credential == "right"


def test_credential_comes_from_the_standard_input(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("POOL_CREDENTIAL")
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))

    pool(*ADD, "--base-url", "https://up.example.com")

    assert selectors.access(only_account()).credential == "from a pipe"


def test_credential_is_no_argument():
    with pytest.raises(CommandError):
        pool(*ADD, "--base-url", "https://up.example.com", "--credential", "seen by all")


def test_account_is_checked_before_it_is_added(upstream: Upstream, monkeypatch: Any):
    assert "premium" in pool(*ADD, "--base-url", upstream.url, "--check")
    assert only_account().status == "active"

    monkeypatch.setenv("POOL_CREDENTIAL", "bad")
    with pytest.raises(CommandError, match="The provider says:"):
        pool(*ADD, "--base-url", upstream.url, "--check")
    assert Account.objects.across_workspaces().count() == 1


def test_check_with_json_prints_the_result_alone(upstream: Upstream):
    said = pool(*ADD, "--base-url", upstream.url, "--check", "--json")

    assert orjson.loads(said) == {"id": only_account().pk}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--base-url", "https://user:pw@up.example.com"),
        ("--base-url", "https://up.example.com", "--families", "klong"),
        ("--base-url", "https://up.example.com", "--active", "8-20-22"),
        ("--base-url", "https://up.example.com", "--config", "[1]"),
        ("--base-url", "https://up.example.com", "--rpm", "many"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...]):
    with pytest.raises(CommandError):
        pool(*ADD, *arguments)
    assert Account.objects.across_workspaces().count() == 0


def test_list_shows_use_and_never_a_credential():
    made = account(label="Berlin", slots=3, daily_cap=50)
    lease(made.pk)
    account(label="Empty", credential="")
    health.failed(account_id=made.pk, error=AccountNeedsOwner("Pay.", need=Need.BALANCE))

    as_text, as_json = pool("list"), pool("list", "--json")

    assert as_text.splitlines()[:2] == [
        f"{made.pk:>4}  Berlin (federation, mid): no_balance, 1/3 slots, 0/50 today, https://upstream.example.com",
        "      Pay.",
    ]
    first, second = orjson.loads(as_json)
    shown = {"label", "status", "in_use", "today", "has_credential", "status_reason"}
    assert {name: first[name] for name in shown} == {
        "label": "Berlin", "status": "no_balance", "in_use": 1, "today": 0, "has_credential": True,
        "status_reason": "Pay.",
    }  # fmt: skip
    assert second["has_credential"] is False
    made.refresh_from_db()
    for said in (as_text, as_json):
        assert "upstream-key" not in said
        assert made.credential not in said


def test_list_of_no_accounts_says_so():
    assert pool("list") == "No accounts. Add one with `manage.py pool add`.\n"


def test_account_is_changed_and_keeps_what_is_not_named():
    made = account(slots=3, daily_cap=50, requests_per_minute=60)

    pool("set", made.pk, "--slots", 9, "--daily-cap", "none", "--active", "08:00-20:00")
    pool("set", made.pk, "--active", "always")

    found = again(made)
    assert (found.slots, found.daily_cap, found.requests_per_minute) == (9, None, 60)
    assert (found.active_from, found.label) == (None, "Upstream")
    with pytest.raises(CommandError, match="Say what to change"):
        pool("set", made.pk)


def test_credential_is_changed_only_when_asked(monkeypatch: Any):
    made = account(credential="old")
    monkeypatch.setenv("POOL_CREDENTIAL", "new")

    pool("set", made.pk, "--slots", 2)
    assert selectors.access(again(made)).credential == "old"
    pool("set", made.pk, "--credential")

    assert selectors.access(again(made)).credential == "new"


def test_account_is_paused_resumed_checked_and_removed(upstream: Upstream):
    made = account(base_url=upstream.url, status="captcha_required")

    pool("pause", made.pk)
    assert again(made).is_paused
    pool("resume", made.pk)
    assert not again(made).is_paused
    assert "premium" in pool("check", made.pk)
    assert again(made).status == "active"
    pool("remove", made.pk)

    assert Account.objects.across_workspaces().count() == 0
    with pytest.raises(CommandError, match=f"There is no account {made.pk}"):
        pool("check", made.pk)
