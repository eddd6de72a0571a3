import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.accounts import selectors as accounts
from apps.accounts.models import ApiKey, User, Workspace
from apps.billing import selectors as billing
from apps.ops import audit
from tests.factories import WorkspaceFactory, task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return tmp_path / "data"


def demo(**options: Any) -> dict[str, str]:
    out = StringIO()
    call_command("demo", json=True, stdout=out, **options)
    found: dict[str, str] = json.loads(out.getvalue().splitlines()[-1])
    return found


def available(slug: str) -> int:
    return billing.wallet(workspace_id=Workspace.objects.get(slug=slug).pk).available


def test_demo_says_how_to_get_in(client: Client):
    made = demo()

    assert set(made) == {"base_url", "api_key", "workspace", "email", "password"}
    assert (made["base_url"], made["workspace"], made["email"]) == (
        "http://testserver",
        "demo",
        "demo@example.com",
    )
    assert accounts.identify(key=made["api_key"]).workspace_slug == "demo"
    assert User.objects.get(email=made["email"]).check_password(made["password"])
    assert available("demo") == 100_000_000
    assert audit.differences() == []


def test_demo_repeated_is_the_same_and_changes_nothing():
    first = demo()
    task(Workspace.objects.get(slug="demo"))
    before = available("demo")

    assert demo() == first
    assert available("demo") == before
    assert (User.objects.count(), Workspace.objects.count()) == (1, 1)


@pytest.mark.parametrize("points", [0, 1, 12_345_678, 100_000_000, 10**15])
def test_demo_sets_the_balance_to_the_point(points: int):
    made = demo(workspace="Load test", points=points)

    assert made["workspace"] == "load-test"
    assert available("load-test") == points
    assert audit.differences() == []


def test_balance_is_set_again_whatever_was_spent_or_is_held():
    demo(points=50_000)
    task(Workspace.objects.get(slug="demo"))

    demo(points=50_000)

    wallet = billing.wallet(workspace_id=Workspace.objects.get(slug="demo").pk)
    assert (wallet.available, wallet.held) == (50_000, 10_000)
    assert audit.differences() == []


@pytest.mark.parametrize("points", [-1, 10**15 + 1])
def test_balance_that_cannot_be_is_refused(points: int):
    with pytest.raises(CommandError, match="whole number from 0 to 10\\^15"):
        demo(points=points)

    assert Workspace.objects.count() == 0


def test_lost_file_gives_a_new_key_and_ends_the_old_one(folder: Path):
    first = demo()
    (folder / "demo.json").unlink()

    second = demo()

    assert second["workspace"] == first["workspace"]
    assert second["api_key"] != first["api_key"]
    assert second["password"] != first["password"]
    accounts.forget_believed_keys()
    with pytest.raises(accounts.InvalidApiKey):
        accounts.identify(key=first["api_key"])
    assert accounts.identify(key=second["api_key"]).workspace_slug == "demo"
    keys = ApiKey.objects.of(Workspace.objects.get(slug="demo").pk)
    assert [key.state for key in keys.order_by("id")] == ["revoked", "active"]


@pytest.mark.parametrize("content", ["", "{", "not json"])
def test_damaged_file_counts_as_lost(folder: Path, content: str):
    first = demo()
    (folder / "demo.json").write_text(content)

    assert demo()["api_key"] != first["api_key"]


def test_file_can_be_read_by_its_owner_only(folder: Path):
    made = demo()

    path = folder / "demo.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {
        "demo": {"password": made["password"], "api_key": made["api_key"]}
    }
    assert [child.name for child in folder.iterdir()] == ["demo.json"]


def test_other_workspaces_are_kept_apart(folder: Path):
    first, second = demo(), demo(workspace="Second")

    assert demo() == first
    assert demo(workspace="Second") == second
    assert second["email"] == "demo+second@example.com"
    assert len({first["api_key"], second["api_key"]}) == 2
    assert set(json.loads((folder / "demo.json").read_text())) == {"demo", "second"}


@pytest.mark.parametrize("name", ["api", "x" * 60, "a" * 39 + " b", "!!!", "Taken"])
def test_demo_with_a_name_that_cannot_be_a_slug_is_still_one_workspace(name: str):
    WorkspaceFactory.create(name="Taken")

    first, second = demo(workspace=name), demo(workspace=name)

    assert first == second
    assert Workspace.objects.count() == 2
    assert first["workspace"] != "taken"


def test_plan_can_be_chosen():
    demo(plan="hobbyist")
    assert Workspace.objects.get().plan == "hobbyist"

    demo(plan="developer")
    assert Workspace.objects.get().plan == "developer"


def test_limits_are_off_unless_a_plan_is_asked_for():
    def limits() -> tuple[str, int | None]:
        workspace = Workspace.objects.get()
        return workspace.plan, workspace.concurrency_override

    demo()
    assert limits() == ("premium", 1_000_000)
    demo(plan="hobbyist")
    assert limits() == ("hobbyist", None)
    demo(plan="hobbyist", concurrency=5)
    assert limits() == ("hobbyist", 5)


def test_demo_for_people_reads_well():
    out = StringIO()
    call_command("demo", points=12_500_000, stdout=out)

    lines = [line.split(maxsplit=1) for line in out.getvalue().splitlines()]
    assert lines[0] == ["Dashboard", "http://testserver/w/demo/"]
    assert lines[1] == ["E-mail", "demo@example.com"]
    assert [label for label, *_ in lines[2:4]] == ["Password", "API"]
    assert lines[4] == ["Balance", "$1.25"]
