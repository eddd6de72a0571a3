"""Where a waiting task goes: the accounts and the engine with what is left of them, in the round of one dispatcher."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from apps.byoa import selectors as byoa
from apps.byoa.services import slots
from apps.byoa.services.slots import Wish
from apps.catalog import registry
from apps.catalog.spec import Route, TaskSpec
from apps.tasks.services import local_queue
from apps.tasks.services.local_queue import LOCAL, ForEngine
from apps.tasks.services.queueing import Startable, Waiting

# A slot outlives its task's deadline by this much: time to ask the provider to stop.
_LEASE_GRACE_SECONDS = 300
_FAST = frozenset({"fast", "turbo"})
_SLOW = "relax"


@dataclass(frozen=True)
class Assigned:
    """A waiting task, the account that is to do it and how fast, and our name for the attempt."""

    waiting: Waiting
    spec: TaskSpec
    route: Route
    account_id: int
    reference: str
    mode: str


@dataclass
class Places:
    """What there is room for, counted down as tasks are placed."""

    pool: slots.Pool
    engine_room: int
    now: datetime
    # Workspaces that keep tasks off accounts that their provider has flagged.
    skipping_flagged: frozenset[int] = frozenset()
    assigned: list[Assigned] = field(default_factory=list)
    local: list[ForEngine] = field(default_factory=list)

    @property
    def given(self) -> int:
        return len(self.assigned) + len(self.local)

    def room(self) -> int:
        """How many tasks of the public pool could be placed at most."""
        return self.pool.room() + max(0, self.engine_room)

    def kinds(self, families: Sequence[str]) -> list[Startable]:
        """What of the public pool could start now. Some kinds need an account and others only the engine."""
        wanted = frozenset(families)
        return [
            Startable(spec, mode)
            for spec in registry.all_specs().values()
            if spec.family in wanted
            for mode in _modes(spec)
            if self._has_room(spec, mode)
        ]

    def place(self, task: Waiting) -> bool:
        """Give the task to the first of its ways that has room. False when there is none now."""
        spec = registry.all_specs().get((task.model, task.task_type))
        if spec is None:
            # An upgrade took it out of the catalog. It must not keep everybody else from starting.
            return False
        if task.bound_provider == LOCAL:
            return self._to_engine(task, spec, local_queue.local_route(spec))
        if task.bound_provider or task.is_private:
            return self._to_own(task, spec)
        return self._to_public(task, spec)

    # -------------------------------------------------------------------- the public pool
    def _has_room(self, spec: TaskSpec, mode: str) -> bool:
        if self.engine_room > 0 and any(
            r.provider == LOCAL for r in byoa.usable_routes(spec, mode)
        ):
            return True
        providers = _providers(spec)
        return any(
            self.pool.has_room(Wish(providers, spec.family, speed))
            for speed in self._speeds(spec, Wish(providers, spec.family, mode))
        )

    def _to_public(self, task: Waiting, spec: TaskSpec) -> bool:
        wish = Wish(_providers(spec), spec.family, task.mode)
        usable = byoa.usable_routes(spec, task.mode)
        for speed in self._speeds(spec, wish):
            for route in byoa.routes(spec):
                if route.provider == LOCAL:
                    if route in usable and self._to_engine(task, spec, route):
                        return True
                elif self._booked(task, spec, Wish([route.provider], spec.family, speed)):
                    return True
        return False

    def _speeds(self, spec: TaskSpec, wish: Wish) -> Iterator[str]:
        """The speed that is asked for, and the slow one where no account with fast time is there, be it a full one."""
        yield wish.mode
        if wish.mode in _FAST and not self.pool.is_waited_for(wish):
            yield _SLOW

    # ---------------------------------------------------------------------- certain accounts
    def _to_own(self, task: Waiting, spec: TaskSpec) -> bool:
        wish = Wish(
            providers=[task.bound_provider] if task.bound_provider else _providers(spec),
            family=spec.family,
            mode=task.mode,
            workspace_id=task.workspace_id if task.is_private else None,
            only=task.bound_account,
            is_follow_up=task.is_follow_up,
            skips_flagged=spec.family == "suno" and task.workspace_id in self.skipping_flagged,
        )
        speeds = [task.mode] if task.bound_account is not None else self._speeds(spec, wish)
        return any(self._booked(task, spec, _at(wish, speed)) for speed in speeds)

    # ------------------------------------------------------------------------------- placing
    def _to_engine(self, task: Waiting, spec: TaskSpec, route: Route | None) -> bool:
        if route is None or self.engine_room <= 0:
            return False
        self.engine_room -= 1
        self.local.append(ForEngine(task.id, spec, route))
        return True

    def _booked(self, task: Waiting, spec: TaskSpec, wish: Wish) -> bool:
        reference = secrets.token_urlsafe(24)
        expires_at = self._deadline(task, spec) + timedelta(seconds=_LEASE_GRACE_SECONDS)
        # Who failed it before is asked again when nobody else can.
        for avoid in (task.asked, frozenset[int]()) if task.asked else (frozenset[int](),):
            asked = _avoiding(wish, avoid)
            booked = self.pool.book(asked, holder=reference, expires_at=expires_at)
            if booked is not None:
                route = _route(spec, booked.provider)
                self.assigned.append(
                    Assigned(task, spec, route, booked.account_id, reference, booked.mode)
                )
                return True
        return False

    def _deadline(self, task: Waiting, spec: TaskSpec) -> datetime:
        if task.deadline_seconds is not None:
            return task.created_at + timedelta(seconds=task.deadline_seconds)
        return self.now + timedelta(seconds=spec.timeout_seconds)


def _modes(spec: TaskSpec) -> tuple[str, ...]:
    """The speeds that a task of the spec can ask for; of most there is but one, without a name."""
    return spec.modes if spec.process_mode is not None else ("",)


def _providers(spec: TaskSpec) -> list[str]:
    return [route.provider for route in byoa.routes(spec) if route.provider != LOCAL]


def _route(spec: TaskSpec, provider: str) -> Route:
    return next(route for route in byoa.routes(spec) if route.provider == provider)


def _at(wish: Wish, speed: str) -> Wish:
    return wish if wish.mode == speed else replace(wish, mode=speed)


def _avoiding(wish: Wish, avoid: frozenset[int]) -> Wish:
    return replace(wish, avoid=avoid) if avoid else wish
