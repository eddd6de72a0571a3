"""A workspace to try things with: fixed name, known password, a key that can be shown again."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from apps.accounts import selectors as accounts
from apps.accounts import services as account_services
from apps.accounts.models import Plan, User, Workspace
from apps.billing import selectors as billing
from apps.billing import words
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.services import movements, onboarding

EMAIL = "demo@example.com"
NAME = "Demo"
POINTS = 100_000_000
_UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Demo:
    """How to get in."""

    base_url: str
    api_key: str
    workspace: str
    email: str
    password: str


def ensure(
    *,
    name: str = NAME,
    points: int | None = None,
    plan: str | None = None,
    concurrency: int | None = None,
) -> Demo:
    """The demo workspace of that name. Safe to repeat: the same person, workspace and key come back.

    A key exists in clear nowhere but in `DATA_DIR/demo.json` (readable by its owner only). When that file is lost, a
    new password and a new key replace the old ones. `points` sets what is available, to the point; without it a new
    workspace gets ten dollars and an old one is left as it is. Without a `plan` it is Premium and may have as many
    tasks under way as it likes; with one it has the plan's limits, or `concurrency` tasks at once per family.
    """
    slug = slugify(name)[:40] or "demo"
    kept = _read().get(slug, {})
    with transaction.atomic():
        user, password = _person(_email(slug), kept.get("password"))
        workspace = _workspace(user, name=name, slug=slug)
        _set_limits(workspace, plan=plan, concurrency=concurrency)
        _set_points(workspace, points)
        key = _key(workspace, user, kept.get("api_key"))
    _write(slug, {"password": password, "api_key": key})
    return Demo(settings.BASE_URL, key, workspace.slug, user.email, password)


def _email(slug: str) -> str:
    return EMAIL if slug == slugify(NAME) else f"demo+{slug}@example.com"


def _person(email: str, password: str | None) -> tuple[User, str]:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email)
    if password is None or not user.check_password(password):
        password = password or secrets.token_urlsafe(12)
        user.set_password(password)
        user.save(update_fields=["password"])
    return user, password


def _workspace(user: User, *, name: str, slug: str) -> Workspace:
    # By its person, who is in no other: the slug may have been taken, or be a reserved word.
    found = Workspace.objects.filter(memberships__user=user).order_by("pk").first()
    if found is None:
        found = onboarding.open_workspace(owner=user, name=name, slug=slug, grant_points=POINTS)
    return found


def _set_limits(workspace: Workspace, *, plan: str | None, concurrency: int | None) -> None:
    if plan is None and concurrency is None:
        concurrency = _UNLIMITED
    wanted = (plan or Plan.PREMIUM.value, concurrency)
    paid = subscription_of(workspace_id=workspace.pk)
    if paid is not None and paid.plan_version_id:
        # Somebody tried the plans here: what is paid for stays, as it does for everybody.
        wanted = (workspace.plan, concurrency)
    if (workspace.plan, workspace.concurrency_override) != wanted:
        workspace.plan, workspace.concurrency_override = wanted
        workspace.save(update_fields=["plan", "concurrency_override", "updated_at"])


def _set_points(workspace: Workspace, points: int | None) -> None:
    if points is None:
        return
    difference = points - billing.wallet(workspace_id=workspace.pk).available
    if difference:
        movements.adjust(
            workspace_id=workspace.pk,
            points=difference,
            reference=f"demo:{secrets.token_hex(8)}",
            note=words.demo_balance(),
            actor=None,
        )


def _key(workspace: Workspace, user: User, key: str | None) -> str:
    if key is not None and _is_live(workspace, key):
        return key
    for old in accounts.newest_keys(workspace_id=workspace.pk).filter(name="demo"):
        account_services.revoke_key(workspace_id=workspace.pk, key_id=old.pk, actor=None)
    _, secret = account_services.create_key(
        workspace_id=workspace.pk, terms=account_services.KeyTerms(name="demo"), actor=user
    )
    return secret


def _is_live(workspace: Workspace, key: str) -> bool:
    try:
        return accounts.identify(key=key).workspace_id == workspace.pk
    except accounts.InvalidApiKey:
        return False


def _path() -> Path:
    return Path(settings.DATA_DIR) / "demo.json"


def _read() -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads(_path().read_text())
    except (OSError, ValueError):
        return {}
    return found


def _write(slug: str, entry: dict[str, str]) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(_read() | {slug: entry}, indent=2)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(content)
    fresh.replace(path)


def as_json(demo: Demo) -> str:
    return json.dumps(asdict(demo))
