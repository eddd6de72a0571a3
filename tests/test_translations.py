"""The Chinese of the pages: complete, with what goes into it, compiled, and shown."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User, Workspace
from tests.dashboard.conftest import owner
from tests.dashboard.test_access import WORKSPACE_PAGES, _paths
from tests.factories import owner_of
from tests.screens.places import PUBLIC

__all__ = ["owner"]
_FOLDER = Path(settings.BASE_DIR) / "locale" / "zh_Hans" / "LC_MESSAGES"
_CHINESE = polib.pofile(str(_FOLDER / "django.po"))
_HOLES = re.compile(r"%\(\w+\)[sd]|\{\w*\}|</?\w+[^>]*>")
_CHINESE_LETTER = re.compile(r"[\u4e00-\u9fff]")
READ = [name for name, (how, found) in WORKSPACE_PAGES.items() if how == "get" and found[0] == 200]
# Their words are not ours: documents of the books, files, code.
_FILES = ("_csv", "llm_call_cost", "_pdf", "_download", "statement", "invoices_one")


def texts(entry: polib.POEntry) -> Iterator[tuple[str, str]]:
    """Each English text with its Chinese; of a plural the longer one counts, since Chinese has none."""
    if entry.msgid_plural:
        yield entry.msgid_plural, entry.msgstr_plural[0]
    else:
        yield entry.msgid, entry.msgstr


def test_every_text_is_translated() -> None:
    assert [entry.msgid for entry in _CHINESE.untranslated_entries()] == []
    assert [entry.msgid for entry in _CHINESE.fuzzy_entries()] == []
    assert len(_CHINESE) > 2_000


@pytest.mark.django_db
def test_english_of_allauth_is_in_sentence_case(client: Client) -> None:
    folder = _FOLDER.parent.parent / "en" / "LC_MESSAGES"
    written, compiled = (
        polib.pofile(str(folder / "django.po")),
        polib.mofile(str(folder / "django.mo")),
    )

    assert {one.msgid: one.msgstr for one in compiled} == {one.msgid: one.msgstr for one in written}
    assert "Reset my password" in client.get("/auth/password/reset/").content.decode()


def test_nothing_that_goes_into_a_text_is_lost() -> None:
    lost = [
        english
        for entry in _CHINESE
        for english, chinese in texts(entry)
        if Counter(_HOLES.findall(english)) != Counter(_HOLES.findall(chinese))
    ]

    assert lost == []


def test_what_is_compiled_is_what_is_written() -> None:
    compiled = polib.mofile(str(_FOLDER / "django.mo"))

    def read(file: polib.POFile | polib.MOFile) -> dict[tuple[str | None, str], object]:
        return {(one.msgctxt, one.msgid): one.msgstr or dict(one.msgstr_plural) for one in file}

    assert read(compiled) == read(_CHINESE)


def visible(page: str) -> str:
    """What is read, without code, scripts and what others wrote."""
    for tag in ("script", "style", "code", "pre", "textarea"):
        page = re.sub(rf"<{tag}\b.*?</{tag}>", " ", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", "\n", page)


# Sentences long enough to be found by accident nowhere else.
_SENTENCES = {
    entry.msgid
    for entry in _CHINESE
    if len(entry.msgid.split()) >= 4
    and entry.msgstr != entry.msgid
    and not _HOLES.search(entry.msgid)
}


def english(page: str) -> list[str]:
    lines = {" ".join(line.split()) for line in visible(page).splitlines()}
    return sorted(lines & _SENTENCES)


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in READ if not name.endswith(_FILES)])
def test_page_of_a_workspace_is_chinese(name: str, workspace: Workspace, owner: Client) -> None:
    path = _paths(workspace)[name]
    User.objects.filter(pk=owner_of(workspace).pk).update(language="zh-hans")

    answer = owner.get(path)

    assert answer.status_code == 200
    page = answer.content.decode()
    assert _CHINESE_LETTER.search(visible(page)) or not visible(page).strip()
    assert english(page) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.startswith("docs-")])
def test_public_page_is_chinese(name: str, client: Client) -> None:
    answer = client.get(PUBLIC[name], headers={"accept-language": "zh-CN"})

    page = answer.content.decode()
    if answer.status_code == 200:
        assert '<html lang="zh-hans"' in page
        assert english(page) == []
