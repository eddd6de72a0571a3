"""Banned words in the operator's console: added, switched off, deleted; and who may."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.catalog.models import BannedWord
from apps.catalog.selectors import banned_words
from apps.catalog.services import add_default_words
from tests.factories import owner_of

pytestmark = pytest.mark.django_db

LIST = "admin:catalog_bannedword_changelist"
ADD = "admin:catalog_bannedword_add"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


@pytest.fixture
def ours() -> BannedWord:
    return BannedWord.objects.create(word="blorp")


@pytest.fixture
def default() -> BannedWord:
    add_default_words()
    return BannedWord.objects.get(word="nude")


def page(row: BannedWord, name: str = "change") -> str:
    return reverse(f"admin:catalog_bannedword_{name}", args=[row.pk])


def act(client: Client, action: str, *rows: BannedWord) -> Any:
    chosen = [str(row.pk) for row in rows]
    form = {"action": action, "_selected_action": chosen, "post": "yes"}
    return client.post(reverse(LIST), form)


def add(client: Client, word: str) -> Any:
    return client.post(reverse(ADD), {"word": word, "is_enabled": "on", "note": "Asked for"})


@pytest.mark.parametrize(
    ("given", "stored"), [("Blorp", "blorp"), ("  Two   WORDS ", "two words"), ("ÄRGER", "ärger")]
)
def test_added_word_is_stored_in_lower_case(operator: Client, given: str, stored: str):
    assert add(operator, given).status_code == 302

    row = BannedWord.objects.get(word=stored)
    assert (row.is_enabled, row.is_default, row.note) == (True, False, "Asked for")


@pytest.mark.parametrize("word", ["", "  ", "BLORP", "a" * 101])
def test_word_that_cannot_be_is_refused(operator: Client, ours: BannedWord, word: str):
    before = BannedWord.objects.count()

    response = add(operator, word)

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["word"]
    assert BannedWord.objects.count() == before


def test_change_counts_at_once_in_this_process(
    operator: Client, default: BannedWord, django_capture_on_commit_callbacks: Any
):
    assert banned_words().first_in("a nude blorp") == "nude"

    with django_capture_on_commit_callbacks(execute=True):
        operator.post(page(default), {"note": "Too strict"})
        add(operator, "blorp")

    default.refresh_from_db()
    assert (default.word, default.is_enabled, default.note) == ("nude", False, "Too strict")
    assert banned_words().first_in("a nude blorp") == "blorp"


def test_default_keeps_its_word(operator: Client, default: BannedWord):
    operator.post(page(default), {"word": "other", "is_enabled": "on", "note": ""})

    default.refresh_from_db()
    assert default.word == "nude"


def test_default_is_not_deleted(operator: Client, default: BannedWord, ours: BannedWord):
    assert operator.post(page(default, "delete"), {"post": "yes"}).status_code == 403
    act(operator, "delete_selected", default, ours)

    assert BannedWord.objects.filter(word__in=["nude", "blorp"]).count() == 2


@pytest.mark.parametrize("how", ["page", "list"])
def test_own_word_is_deleted(
    operator: Client, ours: BannedWord, how: str, django_capture_on_commit_callbacks: Any
):
    assert banned_words().first_in("blorp") == "blorp"

    with django_capture_on_commit_callbacks(execute=True):
        if how == "page":
            operator.post(page(ours, "delete"), {"post": "yes"})
        else:
            act(operator, "delete_selected", ours)

    assert banned_words().first_in("blorp") == ""


def test_many_are_switched_at_once(
    operator: Client,
    default: BannedWord,
    ours: BannedWord,
    django_capture_on_commit_callbacks: Any,
):
    banned_words()

    with django_capture_on_commit_callbacks(execute=True):
        act(operator, "disable", default, ours)

    off = BannedWord.objects.filter(is_enabled=False).order_by("word")
    assert [row.word for row in off] == ["blorp", "nude"]
    assert banned_words().first_in("a nude blorp") == ""

    with django_capture_on_commit_callbacks(execute=True):
        act(operator, "enable", ours)

    assert banned_words().first_in("a nude blorp") == "blorp"


def test_nobody_else_changes_words(client: Client, workspace: Workspace, ours: BannedWord):
    before = BannedWord.objects.count()
    client.force_login(owner_of(workspace))
    assert add(client, "other").status_code == 302  # to the sign-in of the console
    client.force_login(User.objects.create_user("staff@example.com", is_staff=True))
    assert add(client, "other").status_code == 403
    assert act(client, "disable", ours).status_code == 403

    assert BannedWord.objects.count() == before
    ours.refresh_from_db()
    assert ours.is_enabled


def test_staff_who_may_only_look_switch_nothing(client: Client, ours: BannedWord):
    staff = User.objects.create_user("staff@example.com", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_bannedword"))
    client.force_login(staff)

    act(client, "disable", ours)

    assert client.get(reverse(LIST)).status_code == 200
    ours.refresh_from_db()
    assert ours.is_enabled
