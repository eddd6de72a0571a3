import inspect
import re
import threading
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction

from apps.accounts.models import Workspace
from apps.billing.services.codes import batches
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.services import accounts
from apps.core import sealing
from apps.notifications.models import Delivery
from apps.ops import sealed
from apps.tasks.models import Task
from tests.factories import task
from tests.factories.byoa import account
from tests.factories.gifts import operator

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "whsec-correct-horse-battery"
NAMES = [
    "byoa.Account.credential",
    "tasks.Task.webhook_secret",
    "notifications.Delivery.secret",
    "notifications.AccountHook.secret",
    "notifications.AccountHook.previous_secret",
    "notifications.Endpoint.secret",
    "notifications.Endpoint.both_secrets",
    "billing.CodeBatch.sealed_codes",
]


def own_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def said_to_be_sealed(model: type[models.Model]) -> set[str]:
    """By a comment above the field, or by the docstring."""
    source = inspect.getsource(model)
    commented = re.findall(r"# Sealed[^\n]*\n(?:\s+#[^\n]*\n)*\s+(\w+) = models\.", source)
    return {*commented, *re.findall(r"`(\w+)` is sealed", model.__doc__ or "")}


def test_every_column_that_is_said_to_be_sealed_is_rotated():
    said = {
        f"{model._meta.label}.{name}" for model in own_models() for name in said_to_be_sealed(model)
    }

    assert said == {str(column) for column in sealed.COLUMNS} == set(NAMES)


def test_no_column_that_sounds_like_a_secret_is_left_out():
    secret = re.compile(r"secret|credential|password|token|private|sealed_(?!to$)", re.IGNORECASE)
    found = {
        f"{model._meta.label}.{field.name}"
        for model in own_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.CharField | models.TextField) and secret.search(field.name)
    }

    # Passwords are hashed, not sealed, and so is what finds a credential again; a token of money is no secret.
    money = {
        "billing.Deposit.token",
        "billing.Deposit.token_address",
        "billing.DepositAddress.token",
    }
    hashed = {"accounts.User.password", "byoa.Account.credential_digest"}
    assert found - money == {*NAMES, *hashed}


@pytest.fixture
def rows(workspace: Workspace) -> tuple[Account, Task, Delivery]:
    made = task(workspace, webhook_endpoint="https://hook.example.com", webhook_secret=SECRET)
    account(credential="")
    return account(credential=SECRET), made, Delivery.objects.of(workspace.pk).get()


def opened(rows: tuple[Account, Task, Delivery]) -> list[str]:
    for row in rows:
        row.refresh_from_db()
    ours, made, sent = rows
    return [
        selectors.access(ours).credential,
        sealing.unseal(made.webhook_secret, bound_to=made.reference),
        sealing.unseal(sent.secret, bound_to=sent.sealed_to),
    ]


def rotate() -> str:
    out = StringIO()
    call_command("rotate_sealing_keys", stdout=out, stderr=out)
    return out.getvalue()


def test_after_a_rotation_the_old_key_can_go(rows: Any, settings: Any):
    old = settings.SEALING_KEYS[0]
    terms = batches.BatchTerms(name="Fair", prefix="FAIR", points=1, count=2)
    waiting = batches.create(terms=terms, actor=operator())
    settings.SEALING_KEYS = ["new key", old]
    assert opened(rows) == [SECRET] * 3

    said = rotate()

    assert said == (
        "byoa.Account.credential: 1 values, 1 sealed anew.\n"
        "tasks.Task.webhook_secret: 1 values, 1 sealed anew.\n"
        "notifications.Delivery.secret: 1 values, 1 sealed anew.\n"
        "notifications.AccountHook.secret: 0 values, 0 sealed anew.\n"
        "notifications.AccountHook.previous_secret: 0 values, 0 sealed anew.\n"
        "notifications.Endpoint.secret: 0 values, 0 sealed anew.\n"
        "notifications.Endpoint.both_secrets: 0 values, 0 sealed anew.\n"
        "billing.CodeBatch.sealed_codes: 1 values, 1 sealed anew.\n"
        "Every stored secret is sealed with the first key of SEALING_KEYS.\n"
    )
    settings.SEALING_KEYS = ["new key"]
    assert opened(rows) == [SECRET] * 3
    assert rotate().count(" 0 sealed anew.") == 8
    assert len(batches.export(batch_id=waiting.pk)) == 2


def test_rotation_goes_in_batches_and_goes_on_where_it_was_stopped(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    made = [account(credential=f"key {n}") for n in range(7)]
    settings.SEALING_KEYS = ["new key", *settings.SEALING_KEYS]
    monkeypatch.setattr(sealed, "_BATCH", 3)
    seen: list[int] = []

    class Stopped(Exception):
        pass

    def stop(count: int) -> None:
        seen.append(count)
        if count == 6:
            raise Stopped

    column = sealed.COLUMNS[0]
    with pytest.raises(Stopped):
        sealed.rotate(column, report=stop)
    assert (seen, column.stale().count()) == ([3, 6], 1)

    assert sealed.rotate(column) == sealed.Rotation(values=7, resealed=1)
    settings.SEALING_KEYS = settings.SEALING_KEYS[:1]
    credentials = [
        selectors.access(one).credential
        for one in Account.objects.across_workspaces().order_by("id")
    ]
    assert credentials == [f"key {n}" for n in range(len(made))]


@pytest.mark.concurrency
def test_value_that_changes_meanwhile_is_neither_waited_for_nor_overwritten(settings: Any):
    busy, idle = account(credential="old"), account(credential="idle")
    settings.SEALING_KEYS = ["new key", *settings.SEALING_KEYS]
    is_locked, may_go_on = threading.Event(), threading.Event()

    def change() -> None:
        try:
            with transaction.atomic():
                Account.objects.across_workspaces().select_for_update().get(pk=busy.pk)
                is_locked.set()
                assert may_go_on.wait(timeout=20)
                accounts.set_credential(account_id=busy.pk, credential="changed")
        finally:
            connection.close()

    changing = threading.Thread(target=change)
    changing.start()
    assert is_locked.wait(timeout=20)

    def batch_done(count: int) -> None:
        may_go_on.set()
        changing.join()

    done = sealed.rotate(sealed.COLUMNS[0], report=batch_done)

    assert (done.resealed, done.left) == (1, 0)
    settings.SEALING_KEYS = settings.SEALING_KEYS[:1]
    for row in (busy, idle):
        row.refresh_from_db()
    assert [selectors.access(row).credential for row in (busy, idle)] == ["changed", "idle"]


def test_value_that_no_key_opens_is_named_and_kept(settings: Any):
    lost = account(credential="lost")
    settings.SEALING_KEYS = ["second key"]
    account(credential="kept")
    before = Account.objects.across_workspaces().get(pk=lost.pk).credential
    settings.SEALING_KEYS = ["third key", "second key"]

    out = StringIO()
    with pytest.raises(CommandError, match="Keep the old keys"):
        call_command("rotate_sealing_keys", stdout=out, stderr=out)

    assert f"no key opens 1 of them: {lost.pk}\n" in out.getvalue()
    assert "2 values, 1 sealed anew." in out.getvalue()
    assert Account.objects.across_workspaces().get(pk=lost.pk).credential == before


def test_value_swapped_with_another_row_does_not_open_and_is_not_made_to():
    ours, theirs = account(credential="ours"), account(credential="theirs")
    rows = Account.objects.across_workspaces()
    rows.filter(pk=theirs.pk).update(credential=ours.credential)
    theirs.refresh_from_db()
    with pytest.raises(sealing.CannotOpen):
        selectors.access(theirs)


def everything_stored() -> str:
    """Every value of every table of ours, as a dump would have it."""
    stored = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT row::text FROM "{table}" AS row')  # noqa: S608
            stored += [line for (line,) in cursor.fetchall()]
    return "\n".join(stored)


def test_dump_of_the_database_holds_no_secret(rows: Any):
    stored = everything_stored()

    assert rows[0].credential in stored
    assert SECRET not in stored
    assert SECRET.encode().hex() not in stored
    assert django_settings.SEALING_KEYS[0] not in stored
