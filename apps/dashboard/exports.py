"""Builds the ZIP of a person's data.

Of workspaces they own everything but secrets; of others only what they did there themselves. Tables are written while
they are read, so an export takes no more memory than a few hundred rows.
"""

import json
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q

from apps.accounts import selectors
from apps.accounts.models import DataExport, Membership, User
from apps.accounts.policies import Role
from apps.accounts.selectors import AuditFilter
from apps.accounts.services import exports
from apps.billing.documents import books
from apps.billing.selectors import invoices, transactions
from apps.billing.selectors.transactions import LineFilter
from apps.core.money import usd
from apps.core.tables import csv_lines
from apps.dashboard import audit_lines, ledger
from apps.notifications.services import mail
from apps.tasks.models import Task
from apps.tasks.presentation import output_of

_ROWS = 500


def build(*, export_id: int) -> bool:
    """Build it, store it, and write to its person. Safe to repeat and to do at once."""
    export = exports.claim(export_id=export_id)
    if export is None:
        return False
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, pieces in _files(export.user):
                _write(archive, name, pieces)
        size = file.tell()
        file.seek(0)
        stored = default_storage.save(f"exports/{uuid.uuid4().hex}.zip", File(file))
    if not _finished(export, stored, size):
        default_storage.delete(stored)
        return False
    return True


@transaction.atomic
def _finished(export: DataExport, stored: str, size: int) -> bool:
    if not exports.finish(export=export, file=stored, size_bytes=size):
        return False
    mail.add(
        key=f"data-export:{export.pk}",
        to=[export.user.email],
        template="data_export",
        context={"export": export},
    )
    return True


def sweep() -> None:
    """Build what waits, and delete what has expired, the file before the row. Safe to repeat."""
    for export_id in exports.waiting_ids():
        build(export_id=export_id)
    for export in exports.gone():
        if export.file:
            default_storage.delete(export.file)
        export.delete()


def _write(archive: zipfile.ZipFile, name: str, pieces: Iterable[str]) -> None:
    with archive.open(name, "w", force_zip64=True) as entry:
        for piece in pieces:
            entry.write(piece.encode("utf-8", "surrogatepass"))


def _files(user: User) -> Iterator[tuple[str, Iterable[str]]]:
    yield "me.json", [_json(_person(user), indent=2)]
    for membership in selectors.memberships(user=user):
        is_owner = membership.role == Role.OWNER
        folder = f"workspaces/{membership.workspace.slug}"
        workspace_id = membership.workspace_id
        whose = Q() if is_owner else Q(created_by=user)
        yield f"{folder}/tasks.jsonl", _tasks(workspace_id, whose)
        yield f"{folder}/keys.csv", _keys(workspace_id, whose)
        if is_owner:
            yield from _owned(folder, membership)


def _owned(folder: str, membership: Membership) -> Iterator[tuple[str, Iterable[str]]]:
    workspace_id = membership.workspace_id
    everything = transactions.span(workspace_id=workspace_id, since=None, until=None)
    lines = transactions.all_lines(
        workspace_id=workspace_id, filter=LineFilter(is_folded=False), span=everything
    )
    bills = invoices.invoices(workspace_id=workspace_id, year=None)
    events = selectors.audit_events(workspace_id=workspace_id, filter=AuditFilter())
    log = audit_lines.lines(events.iterator(chunk_size=_ROWS))
    yield f"{folder}/workspace.json", [_json(_workspace(membership), indent=2)]
    yield f"{folder}/members.csv", _members(workspace_id)
    yield (
        f"{folder}/transactions.csv",
        csv_lines(header=ledger.CSV_HEADER, rows=ledger.csv_rows(lines)),
    )
    yield f"{folder}/invoices.csv", csv_lines(header=books.HEADER, rows=books.rows(bills))
    yield (
        f"{folder}/audit.csv",
        csv_lines(header=audit_lines.CSV_HEADER, rows=audit_lines.csv_rows(log)),
    )


def _person(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "time_zone": user.time_zone or "UTC",
        "created_at": user.created_at,
        "last_login": user.last_login,
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified")),
        "sessions": list(
            UserSession.objects.filter(user=user).values("ip", "user_agent", "last_seen_at")
        ),
        "workspaces": [
            {
                "name": one.workspace.name,
                "slug": one.workspace.slug,
                "role": one.role,
                "since": one.created_at,
            }
            for one in selectors.memberships(user=user)
        ],
    }


def _workspace(membership: Membership) -> dict[str, Any]:
    workspace = membership.workspace
    return {
        "name": workspace.name,
        "slug": workspace.slug,
        "plan": workspace.plan,
        "created_at": workspace.created_at,
        "budget_daily_points": workspace.cap_daily_points,
        "budget_monthly_points": workspace.cap_monthly_points,
        "private_families": workspace.private_families,
        "failover_families": workspace.failover_families,
    }


def _members(workspace_id: int) -> Iterator[str]:
    found = selectors.members(workspace_id=workspace_id)
    rows = ((one.user.email, one.role, one.created_at.isoformat()) for one in found)
    return csv_lines(header=("email", "role", "since"), rows=rows)


_KEY_HEADER = (
    "name", "key", "scopes", "networks", "cap_daily_usd", "cap_monthly_usd", "cap_total_usd", "created",
    "expires", "revoked", "last_used", "last_used_ip",
)  # fmt: skip


def _keys(workspace_id: int, whose: Q) -> Iterator[str]:
    """Without secrets: there are none, we keep only their digests."""
    found = selectors.newest_keys(workspace_id=workspace_id).filter(whose)
    rows = (
        (
            key.name,
            key.masked,
            " ".join(key.scopes),
            " ".join(key.allowed_networks),
            *(
                None if cap is None else usd(cap)
                for cap in (key.cap_daily_points, key.cap_monthly_points, key.cap_total_points)
            ),
            *(
                moment.isoformat() if moment else ""
                for moment in (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
            ),
            key.last_used_ip or "",
        )
        for key in found
    )
    return csv_lines(header=_KEY_HEADER, rows=rows)


def _tasks(workspace_id: int, whose: Q) -> Iterator[str]:
    """One JSON object a line, newest first; read page by page, as nothing else stays short with millions."""
    rows = Task.objects.of(workspace_id).filter(whose).order_by("-created_at", "-id")
    last: Task | None = None
    while True:
        page = list(rows.filter(_before(last))[:_ROWS] if last else rows[:_ROWS])
        for task in page:
            yield _json(_task(task)) + "\n"
        if len(page) < _ROWS:
            return
        last = page[-1]


def _before(task: Task) -> Q:
    at = task.created_at
    return Q(created_at__lt=at) | Q(created_at=at, id__lt=task.pk)


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.pk,
        "model": task.model,
        "task_type": task.task_type,
        "status": task.status,
        "input": task.input,
        "output": output_of(task),
        "price_usd": usd(task.price_points),
        "cost_usd": usd(task.cost_points),
        "error": task.error_message,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "ended_at": task.ended_at,
    }


def _json(value: Any, *, indent: int | None = None) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=indent)
