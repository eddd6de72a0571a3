import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from apps.accounts.models import DataExport, User, Workspace
from apps.accounts.services import KeyTerms, create_key, exports
from apps.core.errors import RateLimited
from apps.dashboard.exports import build, sweep
from apps.notifications.models import Email
from apps.tasks.models import Task
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, completed, member, owner_of, task


def built(user: User) -> dict[str, str]:
    """The files of a new export of the person."""
    export = exports.ask(user=user)
    assert build(export_id=export.pk)
    answer = browser(user).get(f"/me/data/{export.pk}")
    data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name).decode() for name in archive.namelist()}


def test_owner_gets_the_workspace_without_secrets_and_nobody_elses(workspace: Workspace) -> None:
    owner = owner_of(workspace)
    _, secret = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="ci"), actor=owner)
    done = completed(workspace)
    foreign = task(WorkspaceFactory.create())

    files = built(owner)

    base = f"workspaces/{workspace.slug}"
    assert sorted(files) == sorted(
        ["me.json"]
        + [
            f"{base}/{name}"
            for name in (
                "tasks.jsonl", "keys.csv", "workspace.json", "members.csv", "transactions.csv",
                "invoices.csv", "audit.csv",
            )
        ]
    )  # fmt: skip
    lines = [json.loads(line) for line in files[f"{base}/tasks.jsonl"].splitlines()]
    assert [(one["id"], one["status"]) for one in lines] == [(str(done.pk), "completed")]
    assert lines[0]["output"]
    assert json.loads(files["me.json"])["email"] == owner.email
    assert len(files[f"{base}/transactions.csv"].splitlines()) > 2
    everything = "".join(files.values())
    assert secret not in everything
    assert owner.password not in everything
    assert str(foreign.pk) not in everything


def test_member_gets_only_what_they_did(workspace: Workspace) -> None:
    user = member(workspace)
    mine, theirs = task(workspace), task(workspace)
    Task.objects.of(workspace.pk).filter(pk=mine.pk).update(created_by=user)
    create_key(workspace_id=workspace.pk, terms=KeyTerms(name="of-mine"), actor=user)
    create_key(workspace_id=workspace.pk, terms=KeyTerms(name="of-them"), actor=None)

    files = built(user)

    base = f"workspaces/{workspace.slug}"
    assert sorted(files) == ["me.json", f"{base}/keys.csv", f"{base}/tasks.jsonl"]
    assert str(mine.pk) in files[f"{base}/tasks.jsonl"]
    assert str(theirs.pk) not in files[f"{base}/tasks.jsonl"]
    assert "of-mine" in files[f"{base}/keys.csv"]
    assert "of-them" not in files[f"{base}/keys.csv"]


def test_tasks_are_read_page_by_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.dashboard.exports._ROWS", 2)
    made = {str(task(workspace).pk) for _ in range(5)}

    lines = built(owner_of(workspace))[f"workspaces/{workspace.slug}/tasks.jsonl"].splitlines()

    assert len(lines) == 5
    assert {json.loads(line)["id"] for line in lines} == made


def test_two_clicks_make_one_export_and_one_mail(workspace: Workspace, owner: Client) -> None:
    owner.post("/me/data")
    owner.post("/me/data")

    export = DataExport.objects.get()
    assert (build(export_id=export.pk), build(export_id=export.pk)) == (True, False)
    sent = Email.objects.across_workspaces().get(kind="data_export")
    assert sent.to == owner_of(workspace).email
    assert "http://testserver/me/data" in sent.text
    assert f"/me/data/{export.pk}" in owner.get("/me/data").content.decode()


def test_export_is_for_its_person_only_and_until_it_expires(
    workspace: Workspace, owner: Client, stranger: Client
) -> None:
    export = exports.ask(user=owner_of(workspace))
    before = owner.get(f"/me/data/{export.pk}").status_code
    build(export_id=export.pk)

    found = owner.get(f"/me/data/{export.pk}")
    b"".join(found.streaming_content)  # type: ignore[attr-defined]
    foreign = stranger.get(f"/me/data/{export.pk}").status_code
    DataExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    late = owner.get(f"/me/data/{export.pk}").status_code

    assert (before, found.status_code, foreign, late) == (404, 200, 404, 404)
    assert found.headers["Cache-Control"] == "no-store"


def test_expired_export_is_deleted_with_its_file(workspace: Workspace) -> None:
    export = exports.ask(user=owner_of(workspace))
    build(export_id=export.pk)
    file = DataExport.objects.get().file
    kept = default_storage.exists(file)
    DataExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    sweep()
    sweep()

    assert (kept, default_storage.exists(file)) == (True, False)
    assert not DataExport.objects.exists()


def test_export_whose_job_was_lost_is_built_by_the_sweep(workspace: Workspace) -> None:
    export = exports.ask(user=owner_of(workspace))
    exports.claim(export_id=export.pk)
    sweep()
    still_waits = DataExport.objects.get().file == ""
    DataExport.objects.update(claimed_at=timezone.now() - timedelta(hours=2))

    sweep()

    assert still_waits
    assert DataExport.objects.get().file


def test_export_that_fails_again_and_again_is_given_up(workspace: Workspace) -> None:
    exports.ask(user=owner_of(workspace))
    long_ago = timezone.now() - timedelta(hours=2)
    DataExport.objects.update(attempts=exports.MOST_ATTEMPTS, claimed_at=long_ago)

    sweep()

    assert not DataExport.objects.exists()


def test_a_day_has_so_many_exports(workspace: Workspace, owner: Client) -> None:
    user = owner_of(workspace)
    for _ in range(exports.MOST_A_DAY):
        build(export_id=exports.ask(user=user).pk)

    with pytest.raises(RateLimited):
        exports.ask(user=user)
    page = owner.post("/me/data", follow=True).content.decode()

    assert "at most 3 exports" in page
    assert DataExport.objects.count() == exports.MOST_A_DAY


def test_page_of_exports_costs_few_queries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(2):
        build(export_id=exports.ask(user=owner_of(workspace)).pk)
    owner.get("/me/data")

    with django_assert_max_num_queries(12):
        owner.get("/me/data")


def test_data_is_for_people_who_are_signed_in(client: Client, db: None) -> None:
    assert client.get("/me/data").status_code == 302
    assert client.post("/me/data").status_code == 302
    assert client.get("/me/data/1").status_code == 302
    assert not DataExport.objects.exists()
