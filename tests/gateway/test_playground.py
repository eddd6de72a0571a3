"""The chat of the dashboard over HTTP: a person's session, the price of a program's call, books in order."""

import json
from typing import Any

import httpx
import pytest

from apps.accounts.models import Membership, User
from apps.llm.models import End
from tests.factories import WorkspaceFactory, member, owner_of
from tests.gateway.test_sessions import TOKEN, cookies_of
from tests.llm.service import Service, asking, events, wait_for

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

COST = 25


def headers_of(user: User | None) -> dict[str, str]:
    return {"cookie": cookies_of(user), "x-csrftoken": TOKEN}


def say(service: Service, user: User | None, script: Any = "Hi", **fields: Any) -> httpx.Response:
    slug = fields.pop("slug", service.workspace.slug)
    body = asking(script, stream=True, stream_options={"include_usage": True}, **fields)
    return service.client.post(
        f"{service.url}/w/{slug}/chat/stream", json=body, headers=headers_of(user)
    )


def test_a_person_talks_at_the_price_of_a_program(service: Service) -> None:
    user = owner_of(service.workspace)

    answer = say(service, user)

    assert answer.status_code == 200, answer.text
    found = events(answer.text)
    assert found[-1] == "[DONE]"
    assert found[-2]["usage"]["cost_points"] == COST
    [row] = service.usage()
    assert (row.user_id, row.api_key_id, row.end, row.points) == (user.pk, None, "completed", COST)
    assert answer.headers["x-call-id"] == str(row.call)
    assert service.spent() == COST


@pytest.mark.parametrize(
    ("role", "status", "kind"),
    [(None, 401, "invalid_api_key"), ("viewer", 403, "scope_denied")],
)
def test_who_may_not_run_is_refused_and_nothing_is_held(
    service: Service, role: str | None, status: int, kind: str
) -> None:
    user = member(service.workspace, role) if role else None

    answer = say(service, user)

    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert (service.usage(), service.spent()) == ([], 0)


def test_workspace_of_others_does_not_exist(service: Service) -> None:
    answer = say(service, owner_of(WorkspaceFactory.create()))

    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found")
    assert service.usage() == []


def test_a_page_of_another_site_cannot_spend(service: Service) -> None:
    headers = {**headers_of(owner_of(service.workspace)), "origin": "https://elsewhere.example"}
    url = f"{service.url}/w/{service.workspace.slug}/chat/stream"

    answer = service.client.post(url, json=asking(stream=True), headers=headers)

    assert answer.status_code == 403
    assert service.usage() == []


def test_an_empty_wallet_is_told_before_anything_is_asked(service: Service) -> None:
    poor = WorkspaceFactory.create(points=0)

    answer = say(service, owner_of(poor), slug=poor.slug)

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "insufficient_credits")
    assert service.provider.seen == []


def test_a_persons_own_limit_counts(service: Service) -> None:
    user = owner_of(service.workspace)
    Membership.objects.filter(user=user).update(cap_daily_points=0)

    answer = say(service, user)

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "spend_limit_reached")


def test_stopping_cuts_the_provider_and_charges_what_came(service: Service) -> None:
    user = owner_of(service.workspace)
    script = {"words": ["word "] * 400, "delay": 0.02}
    body = asking(script, stream=True)
    url = f"{service.url}/w/{service.workspace.slug}/chat/stream"

    with service.client.stream("POST", url, json=body, headers=headers_of(user)) as answer:
        lines = answer.iter_lines()
        while "word" not in next(lines):
            pass

    wait_for(lambda: service.provider.cut_by_caller == 1)
    [row] = service.usage_when(1)
    assert row.end == End.CLIENT_LEFT
    assert 0 < row.output_tokens < 400
    assert 0 < row.points == service.spent()


def test_only_posting_is_possible(service: Service) -> None:
    url = f"{service.url}/w/{service.workspace.slug}/chat/stream"

    answer = service.client.get(url, headers=headers_of(owner_of(service.workspace)))

    assert answer.status_code == 405
    assert json.loads(answer.text)["error"]["type"] == "invalid_request"
