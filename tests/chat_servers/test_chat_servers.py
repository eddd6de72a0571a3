"""The three adapters against their stand-ins: over HTTP, through the guard."""

from dataclasses import replace
from typing import Any

import pytest

from apps.core import egress, media
from apps.core.wire import Request, Response
from apps.providers import flow, registry
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Standing,
    Work,
)
from tests.chat_servers.running import ChatServers
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import told

pytestmark = pytest.mark.usefixtures("allowed")
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
NOT_BEGUN = (ProviderUnavailable, False, None)
ALL = ["openai", "anthropic", "google"]
PAINTERS = ["openai", "google"]
RIGHT = "any-key-but-bad"


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def quick(request: Request) -> Response:
    return egress.send(replace(request, timeout_seconds=0.5))


def ask(steps: flow.Steps[Any]) -> Any:
    try:
        return flow.run(steps, quick)
    except ProviderError as error:
        return error


def done(servers: ChatServers, name: str, job: str, key: str = RIGHT, **given: Any) -> Any:
    work = Work("ref-1", job, "m", job, given)
    return ask(registry.adapter(name).submit(work, Access(servers.url, key)))


@pytest.mark.parametrize("name", ALL)
def test_a_picture_is_described(chat_servers: ChatServers, name: str):
    chat_servers.knobs(text="A harbour at dusk.")

    result = done(chat_servers, name, "caption", image=PNG)

    assert result.output == {"caption": "A harbour at dusk."}
    [asked] = chat_servers.seen()
    assert PNG.partition(",")[2] in str(asked["body"])


@pytest.mark.parametrize("name", ALL)
def test_lyrics_have_a_title(chat_servers: ChatServers, name: str):
    result = done(chat_servers, name, "lyrics", prompt="a city that learns to fly")

    words = "[Verse]\nA city learns to fly"
    assert result.output == {"text": words, "title": "Paper Lanterns", "lyrics": words}


@pytest.mark.parametrize("given", [{}, {"image_urls": [PNG, PNG]}])
@pytest.mark.parametrize("name", PAINTERS)
def test_one_picture_is_painted(chat_servers: ChatServers, name: str, given: Any):
    result = done(chat_servers, name, "image", prompt="a city", **given)

    assert result.output == {"image_url": "", "image_urls": None}
    assert [media.sniff(data).extension for data in result.files.values()] == ["png"]  # type: ignore[union-attr]
    assert list(result.files) == ["image_url"]


@pytest.mark.parametrize("name", PAINTERS)
def test_several_pictures_are_painted(chat_servers: ChatServers, name: str):
    chat_servers.knobs(images=3)

    result = done(chat_servers, name, "image", prompt="a city")

    assert result.output == {"image_url": "", "image_urls": ["", "", ""]}
    assert list(result.files) == ["image_urls.0", "image_urls.1", "image_urls.2"]
    assert len(set(result.files.values())) == 3


@pytest.mark.parametrize("name", PAINTERS)
def test_no_picture_is_a_failure(chat_servers: ChatServers, name: str):
    chat_servers.knobs(images=0)

    assert told(done(chat_servers, name, "image", prompt="a city")) == (ProviderRefused, Why.FAILED)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("key", (BadCredentials,)),
        ("balance", (AccountNeedsOwner, Need.BALANCE)),
        ("rate", (ProviderUnavailable, False, 17.0)),
        ("overloaded", NOT_BEGUN),
        ("moderated", (ProviderRefused, Why.MODERATED)),
        ("invalid", (ProviderRefused, Why.INVALID)),
        ("setup", (AccountNeedsOwner, Need.SETUP)),
        ("model", (AccountNeedsOwner, Need.SETUP)),
        ("broken", UNKNOWN),
        ("502", UNKNOWN),
        ("html", UNKNOWN),
        ("lost", UNKNOWN),
        ("hang", UNKNOWN),
    ],
)
def test_every_refusal_is_understood(
    chat_servers: ChatServers, name: str, word: str, expected: Any
):
    chat_servers.knobs(refuse=word)

    assert told(done(chat_servers, name, "lyrics", prompt="a city")) == expected


@pytest.mark.parametrize("name", ALL)
def test_a_refusal_that_calls_itself_a_success(chat_servers: ChatServers, name: str):
    chat_servers.knobs(declines=True)

    error = done(chat_servers, name, "lyrics", prompt="a city")

    assert told(error) == (ProviderRefused, Why.MODERATED)


@pytest.mark.parametrize("name", ALL)
def test_check_lists_models_and_costs_nothing(chat_servers: ChatServers, name: str):
    adapter = registry.adapter(name)

    found = ask(adapter.check(Access(chat_servers.url, RIGHT)))
    wrong = ask(adapter.check(Access(chat_servers.url, "bad")))

    assert found == Standing("The key is accepted; 2 models are listed.")
    assert told(wrong) == (BadCredentials,)
    assert [one["path"].rpartition("/")[2] for one in chat_servers.seen()] == ["models", "models"]


@pytest.mark.parametrize("name", ALL)
def test_a_lost_answer_cannot_be_looked_up(chat_servers: ChatServers, name: str):
    adapter, work = registry.adapter(name), Work("ref-1", "lyrics", "m", "lyrics", {"prompt": "x"})

    assert not adapter.can_look_up
    assert told(ask(adapter.look_up(work, Access(chat_servers.url, RIGHT)))) == UNKNOWN
    assert chat_servers.seen() == []


def test_a_knob_that_is_none_is_refused(chat_servers: ChatServers):
    with pytest.raises(ValueError, match="no knob"):
        chat_servers.knobs(nothing=1)
    with pytest.raises(ValueError, match="takes no str"):
        chat_servers.knobs(images="3")


def test_reset_forgets_everything(chat_servers: ChatServers):
    chat_servers.knobs(text="x")
    assert isinstance(done(chat_servers, "openai", "lyrics", prompt="a city"), Done)

    chat_servers.reset()

    assert (chat_servers.seen(), chat_servers.knobs()["images"]) == ([], 1)
