"""Asking for the images that a prompt names, where the operator wants that."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.tasks.services import prompts
from tests.core.servers import Handler, Served, serving

pytestmark = pytest.mark.django_db


def _answer(handler: Handler) -> None:
    handler.send_response(200 if handler.path == "/there.png" else 404)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@pytest.fixture
def images() -> Iterator[Served]:
    with serving(_answer) as served:
        yield served


@pytest.fixture
def asks(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.MIDJOURNEY_HEAD_CHECK = True


def _error(prompt: str) -> str:
    return prompts.examined(prompt).error_message


@pytest.mark.usefixtures("asks")
def test_image_that_is_there_passes_and_another_is_named(images: Served):
    there, gone = images.url("/there.png"), images.url("/gone.png")

    found = [_error(f"{there} a cat"), _error(f"{there} {gone} a cat"), _error("a cat")]

    assert found == ["", f"Invalid image url. url: {gone}, head code: 404", ""]
    assert images.paths == ["/there.png", "/there.png", "/gone.png"]


@pytest.mark.usefixtures("asks")
def test_only_the_first_images_are_asked_for(images: Served):
    prompt = " ".join(f"{images.url('/there.png')}?{n}.png" for n in range(20))

    assert _error(f"{prompt} a cat").startswith("Invalid image url.")
    assert len(images.paths) == 1


def test_address_that_nobody_may_reach_has_no_answer(settings: Any, images: Served):
    settings.MIDJOURNEY_HEAD_CHECK = True

    assert _error(f"{images.url('/there.png')} a cat").endswith("head code: 0")
    assert images.paths == []


@pytest.mark.usefixtures("images")
def test_nobody_is_asked_unless_the_operator_wants_it(images: Served, settings: Any):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]

    assert _error(f"{images.url('/gone.png')} a cat") == ""
    assert images.paths == []
