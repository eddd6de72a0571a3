"""The purses of two gateways on one wallet, whatever is drawn: never more than there is, and all accounted for."""

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable

import pytest
from django.db.models import Sum

from apps.accounts.models import Workspace
from apps.accounts.selectors import Identity
from apps.billing.models import Wallet
from apps.billing.services.caps import SpendLimitReached
from apps.billing.services.credits import InsufficientCredits
from apps.core.threads import in_thread
from apps.llm.models import CreditBlock, PriceVersion
from apps.llm.services.attempts import Attempt
from apps.llm.services.purse import Purse, Reservation
from apps.llm.services.recorder import insert_now
from apps.ops.audit import differences
from tests.factories import WorkspaceFactory, identity

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]

POINTS = 50_000
CALLS = 60
AT_ONCE = 12
MOST = 4_000


def row(caller: Identity, reservation: Reservation, points: int) -> Attempt:
    return Attempt(
        call=uuid.uuid4(),
        number=1,
        workspace_id=caller.workspace_id,
        key_id=caller.key_id,
        user_id=None,
        model="gpt-4o-mini",
        operation="chat",
        provider="openai",
        request_id="req_12345678",
        is_stream=False,
        block_id=reservation.block_id,
        price_version="1",
        end="completed",
        usage_source="reported",
        points=points,
    )


class Calls:
    """Draws calls for one purse: reserve, perhaps reserve more, be cancelled, cost something, give back."""

    def __init__(self, purse: Purse, callers: list[Identity], chance: random.Random) -> None:
        self._purse = purse
        self._callers = callers
        self._chance = chance
        self.cost = 0
        self.refused = 0

    async def work(self, count: int) -> None:
        for _ in range(count):
            await self._call()

    async def _call(self) -> None:
        chance, caller = self._chance, self._chance.choice(self._callers)
        wanted = chance.randint(1, MOST)
        least = chance.choice([wanted, max(1, wanted // 4)])
        reserving = asyncio.ensure_future(self._purse.reserve(caller, wanted=wanted, least=least))
        if chance.random() < 0.1:
            await asyncio.sleep(0)
            reserving.cancel()
        try:
            reservation = await reserving
        except (InsufficientCredits, SpendLimitReached):
            self.refused += 1
            return
        except asyncio.CancelledError:
            return
        assert least <= reservation.points <= wanted
        await self._end(caller, reservation)

    async def _end(self, caller: Identity, reservation: Reservation) -> None:
        chance = self._chance
        if chance.random() < 0.3:
            before, more = reservation.points, chance.randint(1, MOST)
            is_more = self._purse.extend(reservation, more=more)
            assert reservation.points == before + (more if is_more else 0)
        cost = chance.choice([0, chance.randint(0, reservation.points), reservation.points])
        if cost:
            await in_thread(insert_now, [row(caller, reservation, cost)])
        self._purse.settle(reservation, cost=cost)
        self._purse.settle(reservation, cost=cost)
        self.cost += cost


def books(workspace: Workspace) -> tuple[int, int]:
    """Available and held; with what was captured, it is always what there was."""
    wallet = Wallet.objects.of(workspace.pk).get()
    return wallet.available, wallet.held


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cap", [None, 20_000])
def test_two_purses_account_for_all_they_spend(seed: int, cap: int | None) -> None:
    workspace = WorkspaceFactory.create(points=POINTS)
    PriceVersion.objects.get_or_create(version="1", defaults={"model": "m", "rates": {}})
    callers = [identity(workspace, cap_total_points=cap), identity(workspace)]
    chance = random.Random(seed)

    async def all_of_it() -> list[Calls]:
        purses = [Purse(gateway=str(uuid.uuid4())) for _ in range(2)]
        tending = [asyncio.create_task(purse.tend()) for purse in purses]
        calls = [
            Calls(purse, callers, random.Random(chance.random())) for purse in purses * AT_ONCE
        ]
        await _watched(workspace, [one.work(CALLS // AT_ONCE) for one in calls])
        for task in tending:
            task.cancel()
        await asyncio.gather(*tending, return_exceptions=True)
        for purse in purses:
            await purse.close()
        return calls

    calls = asyncio.run(all_of_it())

    spent = sum(one.cost for one in calls)
    assert books(workspace) == (POINTS - spent, 0)
    assert not CreditBlock.objects.of(workspace.pk).filter(state="open").exists()
    captured = CreditBlock.objects.of(workspace.pk).aggregate(all=Sum("captured"))["all"]
    assert captured == spent
    if cap is not None:
        first = CreditBlock.objects.of(workspace.pk).filter(api_key_id=callers[0].key_id)
        assert (first.aggregate(all=Sum("captured"))["all"] or 0) <= cap
    assert differences() == []


async def _watched(workspace: Workspace, works: list[Awaitable[None]]) -> None:
    """Do it all, and see meanwhile that the wallet is never below zero and held is what blocks hold."""
    done = asyncio.gather(*works)
    look: Callable[[], tuple[int, int]] = lambda: books(workspace)  # noqa: E731 - for a thread
    while not done.done():
        available, held = await in_thread(look)
        assert available >= 0
        assert 0 <= held <= POINTS
    await done
