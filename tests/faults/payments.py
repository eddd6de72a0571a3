"""`./run faults payments`: thousands of Stripe's events, each three times, in any order, while workers die.

The platform as `./run up` starts it, and a Stripe of our own that sends nothing by itself: this run signs every event,
shuffles them all, posts them from many connections at once and kills workers meanwhile. At the end every payment must
have been credited once, every refund and dispute taken back once, and the audit must find nothing.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from apps.sandbox.stripe import sender
from tests.faults import processes
from tests.faults.platform import Platform
from tests.faults.proof import Verdict, table
from tests.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, serving

_EACH = 20  # open payment pages a workspace may have
_SENDERS = 8
_REST_SECONDS = 600
_VICTIMS = ("worker", "pool process", "pool process", "pool process")
_CENT = 100_000


@dataclass(frozen=True)
class Size:
    payments: int = 2_000
    copies: int = 3
    kills: int = 20
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    verdicts: list[Verdict]
    figures: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        return not any(one.wrong for one in self.verdicts)


def run(*, size: Size, folder: Path) -> Outcome:
    """All of it, in `folder`, which is left as it is."""
    chance = random.Random(size.seed)
    with serving(database=str(folder / "stripe.sqlite3")) as stripe:
        platform = Platform(
            folder=folder / "platform",
            LOCAL_ENGINE="false",
            STRIPE_SECRET_KEY=SECRET_KEY,
            STRIPE_WEBHOOK_SECRET=WEBHOOK_SECRET,
            STRIPE_API_BASE=stripe.url,
        )
        try:
            platform.start()
            expected = _pay(platform, stripe, size, chance)
            figures = _send(platform, stripe, size, chance)
            figures["seconds_to_rest"] = round(_rest(platform), 1)
            return Outcome(_verdicts(platform, expected), figures)
        finally:
            platform.stop()


def _pay(
    platform: Platform, stripe: StripeServer, size: Size, chance: random.Random
) -> dict[int, int]:
    """Pay every page; some payments go back, in part or whole. Points each workspace must have, debt negative."""
    workspaces = -(-size.payments // _EACH)
    script = (
        f"from tests.faults.payments_seed import seed; seed(workspaces={workspaces}, each={_EACH})"
    )
    answer = platform.manage("shell", "--verbosity", "0", "-c", script).splitlines()[-1]
    expected: Counter[int] = Counter()
    for session, (workspace_id, points) in json.loads(answer).items():
        intent = stripe.pay(session)["payment_intent"]
        expected[workspace_id] += points - _gone(stripe, intent, points, chance)
    return dict(expected)


def _gone(stripe: StripeServer, intent: str, points: int, chance: random.Random) -> int:
    match chance.random():
        case share if share < 0.05:
            stripe.refund(intent, amount=100)
            return 100 * _CENT
        case share if share < 0.08:
            stripe.refund(intent)
            return points
        case share if share < 0.11:
            stripe.dispute(intent)
            return points
        case share if share < 0.14:
            stripe.decide(stripe.dispute(intent)["id"], "won")
            return 0
    return 0


def _send(
    platform: Platform, stripe: StripeServer, size: Size, chance: random.Random
) -> dict[str, Any]:
    """Every event, so many times, in a drawn order, while workers are killed."""
    events = [stripe.signed(event)[0] for event in stripe.events()]
    posts = events * size.copies
    chance.shuffle(posts)
    ended, killed = threading.Event(), Counter[str]()
    gunner = threading.Thread(target=_kill, args=(platform, size, chance, ended, killed))
    began = time.monotonic()
    gunner.start()
    with ThreadPoolExecutor(_SENDERS) as senders, _client(platform) as client:
        answers = Counter(senders.map(lambda body: _post(client, body), posts))
    sent = time.monotonic() - began
    # The killing goes on while the rest is worked off.
    gunner.join()
    ended.set()
    return {
        "events": len(events),
        "posts": len(posts),
        "answers": dict(answers),
        "posts_per_s": round(len(posts) / sent),
        "kills": dict(killed),
    }


def _client(platform: Platform) -> httpx.Client:
    return httpx.Client(base_url=platform.url, timeout=30, trust_env=False)


def _post(client: httpx.Client, body: bytes) -> int:
    """As Stripe does: again until it is taken."""
    while True:
        signature = sender.sign(body, WEBHOOK_SECRET, at=int(time.time()))
        with suppress(httpx.HTTPError):
            answer = client.post(
                "/hooks/stripe", content=body, headers={"Stripe-Signature": signature}
            )
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer.status_code
        time.sleep(0.2)


def _kill(
    platform: Platform,
    size: Size,
    chance: random.Random,
    ended: threading.Event,
    killed: Counter[str],
) -> None:
    while killed.total() < size.kills and not ended.wait(chance.uniform(0.3, 2.0)):
        role = chance.choice(_VICTIMS)
        victims = [pid for pid, is_ in platform.parts().items() if is_ == role]
        if victims and processes.kill(chance.choice(victims)):
            killed[role] += 1


def _rest(platform: Platform) -> float:
    began = time.monotonic()
    while time.monotonic() - began < _REST_SECONDS:
        with suppress(psycopg.Error):
            if not platform.rows(
                "SELECT FROM billing_inboundevent WHERE state = 'waiting' LIMIT 1"
            ):
                break
        time.sleep(0.5)
    return time.monotonic() - began


def _verdicts(platform: Platform, expected: dict[int, int]) -> list[Verdict]:
    has = {
        workspace: int(available - debt)
        for workspace, available, debt in platform.rows(
            "SELECT workspace_id, available, debt FROM billing_wallet"
        )
    }
    wrong = [
        f"workspace {workspace} has {has.get(workspace)}, not {points}"
        for workspace, points in expected.items()
        if has.get(workspace) != points
    ]
    twice = platform.rows(
        "SELECT reference FROM billing_creditentry WHERE kind = 'PURCHASE' GROUP BY reference HAVING count(*) > 1"
    )
    left = platform.rows(
        "SELECT state, kind, error FROM billing_inboundevent WHERE state NOT IN ('done', 'ignored') LIMIT 10"
    )
    [(payments,)] = platform.rows("SELECT count(*) FROM billing_payment")
    return [
        Verdict("every wallet has what was paid less what went back", wrong),
        Verdict("no payment was credited twice", [str(row) for row in twice]),
        Verdict("every event was understood", [str(row) for row in left]),
        Verdict(
            "there are as many payments as were made",
            [] if payments == _EACH * len(expected) else [f"{payments}"],
        ),
        Verdict("the audit finds nothing", _audit(platform)),
    ]


def _audit(platform: Platform) -> list[str]:
    try:
        platform.manage("audit_credits")
    except Exception as error:
        return [str(getattr(error, "stderr", error))[-2000:]]
    return []


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run faults payments", description=__doc__)
    parser.add_argument("--payments", type=int, default=Size.payments)
    parser.add_argument("--copies", type=int, default=Size.copies)
    parser.add_argument("--kills", type=int, default=Size.kills)
    parser.add_argument("--seed", type=int, default=Size.seed)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="modelyard-payments-"))
    began = time.monotonic()
    outcome = run(size=Size(**vars(options)), folder=folder)
    figures = outcome.figures | {"seconds": round(time.monotonic() - began)}
    _print(json.dumps(figures, indent=2))
    _print(table(outcome.verdicts))
    if outcome.is_clean:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _print(f"The database and all logs are kept in {folder}.")
    return 0 if outcome.is_clean else 1


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
