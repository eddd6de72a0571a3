from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.services import health
from apps.byoa.services.terms import terms_of
from apps.providers.base import BadCredentials
from apps.tasks.models import Attempt
from tests.byoa.test_health import again, history
from tests.byoa.test_slots import later, lease
from tests.factories import WorkspaceFactory, task
from tests.factories.byoa import account, own_account
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db

LIST = "/ops/admin/byoa/account/"
FORM: dict[str, Any] = {
    "provider": "federation",
    "label": "Next door",
    "base_url": "https://up.example.com",
    "config": "{}",
    "weight": "high",
    "slots": "4",
    "requests_per_minute": "",
    "daily_cap": "",
    "active_from": "",
    "active_to": "",
    "time_zone": "UTC",
    "mode": "",
    "tags": "berlin, spare",
    "credential": "s3cret-key",
}


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def page_of(made: Account) -> str:
    return reverse("admin:byoa_account_change", args=[made.pk])


def test_operator_adds_an_account(operator: Client):
    response = operator.post(f"{LIST}add/", {**FORM, "families": ["kling", "flux"]})

    assert response.status_code == 302
    made = Account.objects.across_workspaces().get()
    assert (made.label, made.weight, made.slots, made.workspace_id) == (
        "Next door",
        "high",
        4,
        None,
    )
    assert (sorted(made.families), made.tags) == (["flux", "kling"], ["berlin", "spare"])
    assert selectors.access(made).credential == "s3cret-key"
    assert [reason for _, reason in made.events.values_list("status", "reason")] == ["Added."]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("base_url", "https://user:pw@up.example.com", "must not carry a user name"),
        ("time_zone", "Berlin", "such as Europe/Berlin"),
        ("slots", "0", "from 1 to 10,000"),
        ("active_from", "08:00", "a beginning and an end"),
        ("credential", "кey", "printable ASCII"),
        ("config", "[]", "JSON object"),
        ("provider", "somebody", "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_shown_at_its_field(
    operator: Client, field: str, value: str, sentence: str
):
    response = operator.post(f"{LIST}add/", {**FORM, field: value})

    assert response.status_code == 200
    html = response.content.decode()
    assert sentence in html
    assert "s3cret-key" not in html
    assert Account.objects.across_workspaces().count() == 0


def test_empty_credential_keeps_the_one_there_is(operator: Client):
    made = account(credential="old-key")

    response = operator.post(page_of(made), {**FORM, "base_url": made.base_url, "credential": ""})

    assert response.status_code == 302
    assert (again(made).label, selectors.access(again(made)).credential) == ("Next door", "old-key")
    operator.post(page_of(made), {**FORM, "base_url": made.base_url})
    assert selectors.access(again(made)).credential == "s3cret-key"


def test_another_server_needs_the_credential_again(operator: Client):
    made = account(credential="old-key")

    response = operator.post(page_of(made), {**FORM, "credential": ""})

    assert "needs the credential to be given again" in response.content.decode()
    assert terms_of(again(made)) == terms_of(made)


def test_pages_show_use_and_history_but_no_secret(operator: Client):
    made = account(slots=8, daily_cap=40, credential="old-key")
    lease(made.pk)
    ended = {"task": task(WorkspaceFactory.create()), "provider": "federation", "account": made}
    for number, state in enumerate(["SUCCEEDED", "SUCCEEDED", "FAILED"]):
        Attempt.objects.create(**ended, number=number, state=state, ended_at=later(0))
    Attempt.objects.create(**ended, number=3, state="SUCCEEDED", ended_at=later(-24 * 3600))
    health.failed(account_id=made.pk, error=BadCredentials("<b>old-key</b> is unknown."))
    made.refresh_from_db()

    listed = operator.get(LIST).content.decode()
    shown = operator.get(page_of(made)).content.decode()

    for text in ("Invalid credentials", "1 of 8", "0 of 40", "2 of 3"):
        assert text in listed
    assert "invalid_credentials &lt;b&gt;[removed]&lt;/b&gt; is unknown." in shown
    for html in (listed, shown):
        assert "old-key" not in html
        assert made.credential not in html


def test_accounts_of_customers_are_not_the_operators(operator: Client, workspace: Workspace):
    theirs = own_account(workspace, label="A customer's own")

    assert "A customer" not in operator.get(LIST).content.decode()
    assert operator.get(page_of(theirs)).status_code == 302


def act(operator: Client, action: str, *made: Account) -> str:
    chosen = {"action": action, "_selected_action": [one.pk for one in made]}
    return operator.post(LIST, chosen, follow=True).content.decode()


def test_operator_pauses_and_resumes_several(operator: Client):
    first, second, other = account(), account(), account()

    act(operator, "pause", first, second)
    assert [again(one).is_paused for one in (first, second, other)] == [True, True, False]
    act(operator, "resume", first)

    assert [again(one).is_paused for one in (first, second)] == [False, True]
    assert [reason for _, reason in history(first)] == ["Paused.", "Resumed."]


@pytest.mark.django_db(transaction=True)
def test_operator_checks_several_and_reads_what_came_of_it(
    operator: Client, upstream: Upstream, settings: Any
):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    right = account(label="Right", base_url=upstream.url, status="banned")
    wrong = account(label="Wrong", base_url=upstream.url, credential="bad")

    html = act(operator, "check_now", right, wrong)

    assert "Right: " in html
    assert "Wrong: " in html
    assert (again(right).status, again(wrong).status) == ("active", "invalid_credentials")


def test_operator_removes_an_account(operator: Client):
    made, other = account(), account()

    response = operator.post(reverse("admin:byoa_account_delete", args=[made.pk]), {"post": "yes"})

    assert response.status_code == 302
    assert list(Account.objects.across_workspaces().values_list("id", flat=True)) == [other.pk]
