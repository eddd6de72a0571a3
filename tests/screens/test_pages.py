"""Every page, light, dark and on a phone: nothing too wide, nothing that axe or the policy minds, no dead link.

With `SCREENSHOTS=FOLDER` (`./run screenshots FOLDER`) it writes a picture of each look, dark included, and reports;
with `SCREENSHOTS_LANGUAGE=zh-hans` of the Chinese pages.
"""

import os
from pathlib import Path

import pytest

from apps.accounts.models import User
from tests.e2e.conftest import Visitor
from tests.factories import owner_of
from tests.screens import places, world
from tests.screens.walk import Walk

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def folder() -> Path | None:
    wanted = os.environ.get("SCREENSHOTS")
    if not wanted:
        return None
    made = Path(wanted)
    made.mkdir(parents=True, exist_ok=True)
    return made


def spoken(visitor: Visitor) -> None:
    """From here on pages are in the language that was asked for."""
    language = os.environ.get("SCREENSHOTS_LANGUAGE", "en")
    User.objects.update(language=language)
    visitor.context.set_extra_http_headers({"Accept-Language": language})


def concluded(walk: Walk, part: str) -> None:
    walk.check_links()
    if walk.folder is not None:
        (walk.folder / f"report-{part}.txt").write_text(walk.report() + "\n")
    assert walk.faults == [], walk.report()


def test_public_pages(visitor: Visitor) -> None:
    world.lively()
    spoken(visitor)
    walk = Walk(visitor, folder())

    walk.through(places.PUBLIC)

    concluded(walk, "public")


def test_pages_of_a_person_and_a_new_workspace(visitor: Visitor) -> None:
    workspace = world.quiet()
    visitor.sign_in(owner_of(workspace), "correct horse")
    spoken(visitor)
    walk = Walk(visitor, folder())

    walk.through({**places.OWN, **places.of_empty(workspace)})

    concluded(walk, "own")


def test_pages_of_a_workspace(visitor: Visitor) -> None:
    workspace = world.lively()
    visitor.sign_in(owner_of(workspace), "correct horse")
    spoken(visitor)
    walk = Walk(visitor, folder())

    walk.through(places.of_workspace(workspace))

    concluded(walk, "workspace")
