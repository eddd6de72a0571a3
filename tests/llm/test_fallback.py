"""From one account to the next, and from one route to the next, as long as the customer has got nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from apps.byoa.models import Account
from tests.factories.byoa import CREDENTIAL, account
from tests.llm.service import Service, wait_for
from tests.llm_upstream.running import Loop, scripted
from tests.llm_upstream.server import Scripted

COST = 25
Another = Callable[..., tuple[Scripted, Account]]


@pytest.fixture
def another(loop: Loop) -> Iterator[Another]:
    """Makes a server that always does the same, and an account there; the oldest account is asked first."""
    with ExitStack() as servers:

        def make(*, provider: str = "openai", **always: Any) -> tuple[Scripted, Account]:
            server = servers.enter_context(scripted(loop))
            server.always = always
            label = f"At {server.port}"
            return server, account(provider=provider, label=label, base_url=server.url)

        yield make


def first_account() -> Account:
    found = Account.objects.across_workspaces().order_by("id").first()
    assert found is not None
    return found


def told(service: Service, count: int) -> list[tuple[Any, ...]]:
    rows = service.usage_when(count)
    assert len({row.call for row in rows}) == 1
    return [(row.number, row.provider, row.account_id, row.end, row.points) for row in rows]


@pytest.mark.parametrize(
    ("fault", "stream"),
    [("status:500", True), ("status:500", False), ("drop", True), ("error200", False)],
)
def test_the_next_account_answers_and_only_its_attempt_is_charged(
    service: Service, another: Another, fault: str, stream: bool
) -> None:
    service.provider.always = {"fault": fault}
    good, good_account = another()
    answer = service.chat("Hi", stream=stream)

    assert answer.status_code == 200, answer.text
    assert told(service, 2) == [
        (1, "openai", first_account().pk, "failed", 0),
        (2, "openai", good_account.pk, "completed", COST),
    ]
    failed, completed = service.usage()
    assert (failed.block_id, failed.usage_source) == (None, "none")
    assert (completed.block_id is not None, len(good.seen)) == (True, 1)
    assert answer.headers["x-call-id"] == str(completed.call)
    wait_for(lambda: first_account().failures == 1)
    assert service.spent() == COST


def test_an_account_that_asks_for_a_rest_gets_it(service: Service, another: Another) -> None:
    service.provider.always = {"fault": "status:429", "headers": {"retry-after": "70"}}
    another()
    assert [service.chat("Hi").status_code for _ in range(3)] == [200] * 3

    wait_for(lambda: first_account().status == "cooling")
    found = first_account()
    assert found.resume_at is not None
    assert found.resume_at - found.status_since > timedelta(seconds=65)
    assert len(service.provider.seen) == 1
    assert service.spent() == 3 * COST


def test_an_account_with_a_bad_key_is_parked(service: Service, another: Another) -> None:
    service.provider.key = "another key than ours"
    another()
    assert [service.chat("Hi").status_code for _ in range(3)] == [200] * 3

    wait_for(lambda: first_account().status == "invalid_credentials")
    assert len(service.provider.seen) == 1
    assert CREDENTIAL not in "".join(row.error for row in service.usage())
    assert service.spent() == 3 * COST


@pytest.mark.parametrize(
    ("status", "message", "account_status"),
    [
        ("404", "The model `gpt-4-vision-preview` does not exist", "active"),
        ("404", "This is a chat model and not supported in the v1/completions endpoint.", "active"),
        ("403", "Your organization must be verified to use the model", "active"),
        ("403", "Your account has been deactivated", "setup_required"),
        ("403", "Country, region, or territory not supported", "setup_required"),
    ],
)
def test_what_an_account_lacks_does_not_park_it_for_everything(
    service: Service, another: Another, status: str, message: str, account_status: str
) -> None:
    service.provider.always = {"fault": f"status:{status}", "message": message}
    another()

    assert service.chat("Hi").status_code == 200
    if account_status != "active":
        wait_for(lambda: first_account().status == account_status)
    # Told in the row all the same.
    assert message[:20] in service.usage_when(2)[0].error
    service.provider.always = {}
    assert [service.chat("Hi").status_code for _ in range(2)] == [200, 200]
    assert first_account().status == account_status
    assert len(service.provider.seen) == (2 if account_status == "active" else 1)


def test_the_next_route_is_taken_when_the_first_has_nobody(
    service: Service, another: Another
) -> None:
    service.provider.always = {"fault": "status:500"}
    other, other_account = another(provider="federation")
    answer = service.chat("Hi")

    assert answer.status_code == 200
    assert told(service, 2) == [
        (1, "openai", first_account().pk, "failed", 0),
        (2, "federation", other_account.pk, "completed", COST),
    ]
    assert [one.path for one in other.seen] == ["/v1/chat/completions"]
    assert service.spent() == COST


def test_nobody_else_is_asked_once_something_was_sent(service: Service, another: Another) -> None:
    service.provider.always = {"fault": "cut", "after": 2}
    other, _ = another()
    events = service.stream("Hi")

    assert events[-2]["error"]["type"] == "no_route"
    # Two bytes read are a token, eleven written three.
    assert told(service, 1) == [(1, "openai", first_account().pk, "upstream_cut", 15)]
    assert other.seen == []
    assert service.spent() == 15


def test_a_refused_request_is_not_tried_elsewhere(service: Service, another: Another) -> None:
    service.provider.always = {"fault": "status:400", "message": "no such voice"}
    other, _ = another()

    assert service.chat("Hi").status_code == 400
    assert told(service, 1) == [(1, "openai", first_account().pk, "refused", 0)]
    assert other.seen == []
    # Nor is it the account's fault.
    assert (first_account().failures, first_account().status) == (0, "active")


def test_four_accounts_are_tried_at_most(service: Service, another: Another) -> None:
    service.provider.always = {"fault": "status:500"}
    failing = [another(fault="status:500")[0] for _ in range(5)]
    answer = service.chat("Hi")

    assert answer.status_code == 503
    assert [row.number for row in service.usage_when(4)] == [1, 2, 3, 4]
    assert sum(len(server.seen) for server in [service.provider, *failing]) == 4
    assert service.spent() == 0
