"""What the database says of a workspace's calls, next to what its clients received."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.billing.models import Wallet
from apps.llm.models import CreditBlock, Usage
from apps.llm.services import blocks
from bench.llm.mock import PROMPT_TOKENS
from bench.llm.ours import Customer

_SETTLE_SECONDS = 30


@dataclass(frozen=True)
class Row:
    """One attempt, with the price it was charged by."""

    end: str
    points: int
    written_off: int
    input_tokens: int
    output_tokens: int
    rates: Mapping[str, str]
    minimum_points: int

    def due(self, output_tokens: int) -> int:
        """What so many tokens cost, in our own arithmetic."""
        if not output_tokens:
            return 0
        exact = self.input_tokens * Decimal(self.rates["input"])
        exact += output_tokens * Decimal(self.rates["output"])
        return max(int(exact.to_integral_value(ROUND_CEILING)), self.minimum_points)


@dataclass(frozen=True)
class Books:
    """All in points. `unbilled` and `beyond` are sums over calls: one does not make up for the other."""

    granted: int
    charged: int
    available: int
    held: int
    served: int
    billed: int  # of what was served; `charged` includes other calls of the workspace
    unbilled: int
    beyond: int
    miscounted: int
    left_open: int
    ends: Mapping[str, int]

    @property
    def unbilled_share(self) -> float:
        return self.unbilled / self.served if self.served else 0.0

    @property
    def overdraft(self) -> int:
        """What was spent that was not there."""
        return max(0, self.charged - self.granted, -self.available)

    @property
    def missing(self) -> int:
        """What the wallet and the rows do not account for; 0 or the ledger is wrong."""
        return self.granted - self.available - self.held - self.charged


def close(served: Customer, received: Mapping[str, int]) -> Books:
    """Once every gateway has ended: `received` is tokens by request."""
    left_open = _settle(served)
    rows = _rows(served)
    due: Counter[str] = Counter()
    for request_id, tokens in received.items():
        due[request_id] = _due(rows.get(request_id, []), tokens)
    paid = {name: sum(row.points for row in found) for name, found in rows.items()}
    every = [row for found in rows.values() for row in found]
    wallet = Wallet.objects.of(served.workspace_id).get()
    return Books(
        granted=served.points,
        charged=sum(row.points for row in every),
        available=wallet.available,
        held=wallet.held,
        served=due.total(),
        billed=sum(paid.get(name, 0) for name in due),
        unbilled=sum(max(0, due[name] - paid.get(name, 0)) for name in due),
        beyond=sum(max(0, paid.get(name, 0) - due[name]) for name in due),
        miscounted=sum(row.points + row.written_off != row.due(row.output_tokens) for row in every),
        left_open=left_open,
        ends=Counter(row.end for row in every),
    )


def _due(rows: list[Row], tokens: int) -> int:
    if rows:
        return rows[-1].due(tokens)
    # Served without a row: at any price too much.
    return tokens + PROMPT_TOKENS if tokens else 0


def _rows(served: Customer) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    names = (
        "end", "points", "written_off", "input_tokens", "output_tokens", "price__rates", "price__minimum_points",
    )  # fmt: skip
    usage = Usage.objects.of(served.workspace_id).order_by("number")
    for request_id, *values in usage.values_list("request_id", *names):
        end, points, written_off, read, written, rates, minimum = values
        found[request_id].append(
            Row(end, points, written_off, read, written, rates or {}, minimum or 0)
        )
    return found


def _settle(served: Customer) -> int:
    """Wait for blocks that are being settled; says how many never were, and ends their lease as time would."""
    until = time.monotonic() + _SETTLE_SECONDS
    left = _open(served).count()
    while left and time.monotonic() < until:
        time.sleep(0.2)
        left = _open(served).count()
    if left:
        _open(served).update(lease_until=Now())
        blocks.settle_dead()
    return left


def _open(served: Customer) -> QuerySet[CreditBlock]:
    return CreditBlock.objects.of(served.workspace_id).filter(state=CreditBlock.State.OPEN)
