"""What must be true of the LLM lane's books, whatever was killed on the way."""

import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.faults.llm_calls import Outcome, Seen
from tests.faults.platform import Platform
from tests.faults.proof import Verdict

# Points for a thousand tokens read and written.
_READ, _WRITTEN = 1_125, 4_500
# Words that may have been on their way in one piece when a connection ended.
_ONE_PIECE = 12
_TOLD = 10  # tokens read, by the provider


@dataclass(frozen=True)
class Row:
    end: str
    source: str
    read: int
    written: int
    points: int
    written_off: int


@dataclass(frozen=True)
class Books:
    """`rows` by the name of the call, oldest first."""

    platform: Platform
    seen: list[Seen]
    rows: Mapping[str, list[Row]]
    paid: int

    def charged(self, one: Seen) -> list[Row]:
        return [row for row in self.rows.get(one.wish.name, []) if row.points]


def books(platform: Platform, seen: list[Seen], *, points: int, workspace: str) -> Books:
    rows: dict[str, list[Row]] = defaultdict(list)
    query = (
        'SELECT request_id, "end", usage_source, input_tokens, output_tokens, points, written_off'
        "  FROM llm_usage ORDER BY id"
    )
    for name, *values in platform.rows(query):
        rows[name].append(Row(*values))
    [(available,)] = platform.rows(
        "SELECT available FROM billing_wallet w JOIN accounts_workspace a ON a.id = w.workspace_id WHERE a.name = %s",
        workspace,
    )
    return Books(platform, seen, rows, points - available)


def due(read: int, written: int) -> int:
    return -(-(read * _READ + written * _WRITTEN) // 1_000) if written else 0


def verdicts(found: Books) -> list[Verdict]:
    return [Verdict(claim, list(look(found))) for claim, look in _CLAIMS.items()]


def figures(found: Books) -> dict[str, object]:
    outcomes = Counter(str(one.outcome) for one in found.seen)
    ends = Counter(row.end for rows in found.rows.values() for row in rows)
    # Whoever leaves has not read all that was sent.
    beyond = [
        max(0, row.written - one.words)
        for one, row in _cut_off(found)
        if one.outcome is Outcome.BROKEN
    ]
    unread = [one for one in found.seen if one.outcome is Outcome.UNANSWERED and found.charged(one)]
    return {
        "calls": len(found.seen),
        "outcomes": dict(outcomes),
        "statuses": dict(Counter(one.status for one in found.seen)),
        "ends": dict(ends),
        "most_words_beyond": max(beyond, default=0),
        # The process died between the note of a stream's first piece and its leaving.
        "noted_in_the_moment_of_death": len(unread),
        "paid_points": found.paid,
    }


# ------------------------------------------------------------------------------- the claims
def _finished_is_completed_once(found: Books) -> Iterator[str]:
    for one in found.seen:
        if one.outcome is not Outcome.FINISHED:
            continue
        wish = one.wish
        read = -(-len(wish.prompt) // 4) if wish.is_counted else _TOLD
        source = "counted" if wish.is_counted else "reported"
        expected = Row("completed", source, read, wish.words, due(read, wish.words), 0)
        completed = [row for row in found.rows.get(wish.name, []) if row.end == "completed"]
        if completed != [expected] or found.charged(one) != [expected]:
            yield f"{wish.name} has {found.rows.get(wish.name)}, not {expected}"


def _broken_off_costs_what_came(found: Books) -> Iterator[str]:
    for one in found.seen:
        if one.outcome not in (Outcome.BROKEN, Outcome.LEFT):
            continue
        rows = found.charged(one)
        if len(rows) != (1 if one.words else len(rows[:1])):
            yield f"{one.wish.name}: {one.words} words came, charged are {rows}"
    for one, row in _cut_off(found):
        most = one.wish.words if one.outcome is Outcome.LEFT else one.words + _ONE_PIECE
        if not one.words <= row.written <= most:
            yield f"{one.wish.name} ({one.outcome}): {one.words} words came, {row} is charged"


def _cut_off(found: Books) -> Iterator[tuple[Seen, Row]]:
    for one in found.seen:
        if one.outcome in (Outcome.BROKEN, Outcome.LEFT):
            yield from ((one, row) for row in found.charged(one))


def _nothing_else_is_charged(found: Books) -> Iterator[str]:
    for one in found.seen:
        rows = found.charged(one)
        if one.outcome is Outcome.REFUSED and rows:
            yield f"{one.wish.name} was refused ({one.status}) and charged {rows}"
        if one.outcome is Outcome.UNANSWERED and not all(
            _was_about_to_go(one, row) for row in rows
        ):
            yield f"{one.wish.name} got nothing and is charged {rows}"
        if len(rows) > 1:
            yield f"{one.wish.name} is charged {len(rows)} times: {rows}"
    names = {one.wish.name for one in found.seen}
    yield from (
        f"nobody asked {name}: {rows}" for name, rows in found.rows.items() if name not in names
    )


def _was_about_to_go(one: Seen, row: Row) -> bool:
    """A piece of a stream is noted before it leaves: the process may have died in between.

    A whole answer that did not leave costs nothing, also where its row was committed.
    """
    return one.wish.is_stream and row.written <= _ONE_PIECE


def _every_row_costs_its_tokens(found: Books) -> Iterator[str]:
    for name, rows in found.rows.items():
        for row in rows:
            if row.points + row.written_off != due(row.read, row.written) or row.written_off:
                yield f"{name}: {row} should cost {due(row.read, row.written)}"


def _wallet_paid_the_rows(found: Books) -> Iterator[str]:
    charged = sum(row.points for rows in found.rows.values() for row in rows)
    if charged != found.paid:
        yield f"the rows come to {charged}, the wallet paid {found.paid}"


def _nothing_is_held(found: Books) -> Iterator[str]:
    blocks = found.platform.rows("SELECT id, gateway FROM llm_creditblock WHERE state = 'open'")
    yield from (f"block {block} of {gateway} is open" for block, gateway in blocks)
    held = found.platform.rows("SELECT workspace_id, held FROM billing_wallet WHERE held <> 0")
    yield from (f"workspace {workspace}: {points} points held" for workspace, points in held)


def _audit_is_clean(found: Books) -> Iterator[str]:
    try:
        found.platform.manage("audit_credits")
    except subprocess.CalledProcessError as error:
        yield from error.stderr.splitlines()


_CLAIMS: dict[str, Callable[[Books], Iterator[str]]] = {
    "who got the last byte has exactly one completed row, at its price": _finished_is_completed_once,
    "what broke off is charged by what came, and at most one piece more": _broken_off_costs_what_came,
    "nothing else is charged": _nothing_else_is_charged,
    "every row costs what its tokens cost": _every_row_costs_its_tokens,
    "the wallet paid the rows, to the point": _wallet_paid_the_rows,
    "no block is open, nothing is held": _nothing_is_held,
    "the audit finds nothing": _audit_is_clean,
}
