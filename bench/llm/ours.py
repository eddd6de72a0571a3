"""Modelyard's gateway as the Procfile starts it, and whom it serves: a wallet, a key with caps, the mock as pool."""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.billing.services import onboarding
from apps.byoa.services import accounts as pool
from bench.llm.peers import Missing, Target
from bench.llm.processes import Place, free_port

PLENTY = 10**15
# GATEWAY_CONCURRENCY, if nobody says otherwise.
WORKERS = 2
_SLOTS = 10_000
_TOKENS_PER_MINUTE = 2_000_000_000  # requests are limited by API_RATE_PER_MINUTE of bench.settings


@dataclass(frozen=True)
class Customer:
    workspace_id: int
    points: int
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def customer(points: int = PLENTY) -> Customer:
    """A workspace with so many points, and a key whose caps are far away but have to be looked at."""
    name = f"bench-{secrets.token_hex(4)}"
    owner = User.objects.create_user(f"{name}@example.com")
    workspace = onboarding.open_workspace(owner=owner, name=name, grant_points=points)
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=10**6)
    terms = accounts.KeyTerms(
        name="bench",
        cap_total_points=PLENTY,
        cap_daily_points=PLENTY,
        cap_monthly_points=PLENTY,
        tokens_per_minute=_TOKENS_PER_MINUTE,
    )
    _, key = accounts.create_key(workspace_id=workspace.pk, terms=terms, actor=owner)
    return Customer(workspace.pk, points, key)


def serve_from(mock_port: int) -> None:
    """The operator's account: the mock, as if it were OpenAI."""
    terms = pool.Terms(label="Mock", base_url=f"http://127.0.0.1:{mock_port}", slots=_SLOTS)
    pool.add_account(provider="openai", terms=terms, credential="sk-bench")


@contextlib.contextmanager
def gateway(place: Place, served: Customer, *, workers: int = WORKERS) -> Iterator[Target]:
    """The gateway, with the benchmark's settings."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--http", "apps.gateway.http:Protocol",
        "--no-proxy-headers", "--no-server-header", "--no-access-log",
        "--log-level", "warning", "--timeout-graceful-shutdown", "30",
    ]  # fmt: skip
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings"}
    with place.running(command, environment=environment) as program:
        try:
            yield Target(port, served.headers, program)
        except (Missing, SystemExit):
            print(program.tail(), file=sys.stderr)
            raise
