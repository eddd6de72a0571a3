"""Who answers: own accounts on seats, the operator's pool, weights, slots and limits of accounts."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.byoa.models import Account
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account, own_account, seats
from tests.llm.service import Service, wait_for
from tests.llm_upstream.running import Loop, scripted

PRIVATE = {"x-service-mode": "private"}


@pytest.fixture
def own(service: Service) -> Account:
    """The workspace's own account on a seat, at the same provider."""
    seats(service.workspace, "llm")
    return own_account(
        service.workspace, "llm", provider="openai", base_url=service.provider.url, slots=10
    )


def keys_used(service: Service) -> list[str]:
    return [
        one.headers.get("Authorization", one.headers.get("authorization", ""))
        for one in service.provider.seen
    ]


def test_a_private_call_runs_on_the_own_account_and_costs_nothing(
    service: Service, own: Account
) -> None:
    answer = service.chat("Hi", headers=PRIVATE)

    assert answer.status_code == 200, answer.text
    assert answer.headers["x-cost-points"] == "0"
    [row] = service.usage()
    assert (row.account_id, row.service_mode, row.points, row.block_id) == (
        own.pk,
        "private",
        0,
        None,
    )
    assert keys_used(service) == [f"Bearer upstream-key-{own.pk}"]
    assert service.spent() == 0


def test_the_workspaces_setting_counts_where_a_call_says_nothing(
    service: Service, own: Account
) -> None:
    Workspace.objects.filter(pk=service.workspace.pk).update(private_families=["llm"])
    selectors.forget_believed_keys()

    service.stream("Hi")
    service.chat("Hi", headers={"x-service-mode": "public"})

    private, public = service.usage()
    assert (private.service_mode, private.account_id, private.is_stream) == (
        "private",
        own.pk,
        True,
    )
    assert public.service_mode == "public"
    assert public.account_id != own.pk


def test_without_a_seat_or_with_an_unknown_mode_a_private_call_is_refused(
    service: Service,
) -> None:
    no_seat = service.chat("Hi", headers=PRIVATE)
    unknown = service.chat("Hi", headers={"x-service-mode": "hybrid"})

    assert (no_seat.status_code, no_seat.json()["error"]["code"]) == (403, 10301)
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "service_mode")
    assert service.provider.seen == []


def test_a_private_call_never_leaves_the_own_accounts(service: Service, own: Account) -> None:
    neighbour = WorkspaceFactory.create()
    seats(neighbour, "llm")
    other = own_account(neighbour, "llm", provider="openai", base_url=service.provider.url)
    Account.objects.across_workspaces().filter(pk=own.pk).update(is_paused=True)

    refused = service.chat("Hi", headers=PRIVATE)

    assert (refused.status_code, refused.json()["error"]["type"]) == (503, "no_route")
    assert service.provider.seen == []
    public = service.chat("Hi")
    assert public.status_code == 200
    assert {row.account_id for row in service.usage()}.isdisjoint({own.pk, other.pk})


def test_accounts_share_calls_by_their_weights(service: Service, loop: Loop) -> None:
    Account.objects.across_workspaces().update(weight="low")
    with scripted(loop) as busier:
        account(provider="openai", base_url=busier.url, weight="high", slots=100)
        for _ in range(50):
            assert service.chat("Hi").status_code == 200
        shares = Counter([len(service.provider.seen), len(busier.seen)])

    assert shares == {10: 1, 40: 1}


def test_an_account_does_no_more_at_once_than_it_has_slots_and_the_rest_waits(
    service: Service,
) -> None:
    Account.objects.across_workspaces().update(slots=2)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: service.chat({"before": 0.05}), range(12)))

    assert [answer.status_code for answer in answers] == [200] * 12
    assert service.provider.most_under_way == 2


def test_an_accounts_requests_a_minute_are_kept(service: Service) -> None:
    Account.objects.across_workspaces().update(requests_per_minute=3)

    codes = [service.chat("Hi").status_code for _ in range(5)]

    # A minute of the clock may end in between.
    assert codes.count(200) in (3, 4, 5)
    assert codes[:3] == [200, 200, 200]
    assert len(service.provider.seen) == codes.count(200)


def test_calls_count_towards_an_accounts_day(service: Service) -> None:
    service.chat("Hi")
    service.chat("Hi")
    [pool] = Account.objects.across_workspaces().filter(workspace=None)

    wait_for(lambda: Account.objects.across_workspaces().get(pk=pk_of(pool)).day_count == 2)


def pk_of(row: Account) -> int:
    return int(row.pk)
