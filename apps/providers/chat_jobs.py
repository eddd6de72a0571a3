"""What language models do for us, whoever serves them: describe a picture, and write a song's words.

What is asked stands here once; each adapter only wraps it in its provider's shape, so that the same task reads alike
everywhere.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core import media
from apps.providers import untrusted
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Work,
)

Why = ProviderRefused.Why

# A song is about 400 words; what a model says beyond that is no song.
MOST_TOKENS = 2000
_LONGEST_TEXT = 20_000
_LONGEST_TITLE = 80
# What models put around a title.
_MARKS = '#*"“”_ \t'
_CAPTION = (
    "Describe this picture in one paragraph, so that somebody who cannot see it can imagine it."
    " Give only the description."
)
_LYRICS = (
    "Write the lyrics of a song about what the user gives. First line: its title, alone. Then the lyrics, with a line"
    " such as [Verse] or [Chorus] above each part. Nothing else: no chords, no explanation."
)


@dataclass(frozen=True)
class Picture:
    """A picture of the input, as bytes."""

    content_type: str
    data: bytes = field(repr=False)

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    @property
    def data_uri(self) -> str:
        return f"data:{self.content_type};base64,{self.base64}"


@dataclass(frozen=True)
class Chat:
    """One question to a model."""

    model: str
    prompt: str
    system: str = ""
    pictures: tuple[Picture, ...] = ()


def chat(work: Work, access: Access, models: Mapping[str, str]) -> Chat:
    """The question that a job is. `models` are the provider's, by option; the account's own option wins.

    Raises ProviderUnavailable for a job that is none of these, ProviderRefused for an input that is none.
    """
    prompt = prompt_of(work)
    if work.job == "caption":
        model = _model(access, models, "caption_model")
        shown = picture(work.input.get("image") or work.input.get("image_url"))
        return Chat(model, prompt or _CAPTION, pictures=(shown,))
    if work.job == "lyrics":
        if not prompt:
            raise ProviderRefused("There is no prompt to write about.", why=Why.INVALID)
        return Chat(_model(access, models, "lyrics_model"), prompt, system=_LYRICS)
    raise ProviderUnavailable(f"This provider does nothing called {work.job!r}.")


def image_model(access: Access, models: Mapping[str, str]) -> str:
    return _model(access, models, "image_model")


def image_prompt(work: Work) -> str:
    """What to paint. Raises ProviderRefused where nothing is given."""
    prompt = prompt_of(work)
    if not prompt:
        raise ProviderRefused("There is no prompt to paint.", why=Why.INVALID)
    return prompt


def pictures(work: Work) -> tuple[Picture, ...]:
    """The pictures to start from, whichever field holds them; none is fine."""
    found = work.input.get("image_urls") or work.input.get("image") or []
    return tuple(picture(one) for one in (found if isinstance(found, list) else [found]))


def picture(value: Any) -> Picture:
    """One of the input's pictures. Raises ProviderRefused for what is none."""
    text = value if isinstance(value, str) else ""
    if media.is_url(text):
        raise AccountNeedsOwner(
            'This provider gets pictures inline only: take "media": "url" out of the options.',
            need=Need.SETUP,
        )
    try:
        data = media.inline_bytes(text)
    except media.MediaError as error:
        raise ProviderRefused(str(error), why=Why.INVALID) from None
    found = media.sniff(data)
    if found is None or found.kind != "image":
        raise ProviderRefused("The picture is in no format we know.", why=Why.INVALID)
    return Picture(found.content_type, data)


def prompt_of(work: Work) -> str:
    """What the customer wrote, which an error may repeat."""
    return _text(work.input.get("prompt"))


def said(work: Work, text: Any, *, provider_id: Any = "") -> Done:
    """What the model's answer is for this job. Raises ProviderRefused where it says nothing."""
    words = untrusted.kept(untrusted.text(text, most=_LONGEST_TEXT))
    if not words:
        raise ProviderRefused("The model's answer is empty.")
    return Done(
        {"caption": words} if work.job == "caption" else _song(words),
        provider_id=untrusted.text(provider_id, most=200),
    )


def painted(images: list[bytes], *, provider_id: Any = "") -> Done:
    """One picture in `image_url`, several in `image_urls`; the caller keeps them and fills in where they are."""
    provider_id = untrusted.text(provider_id, most=200)
    if not images:
        raise ProviderRefused("The provider calls it done, but gives no picture.")
    if len(images) == 1:
        output: dict[str, Any] = {"image_url": "", "image_urls": None}
        return Done(output, provider_id=provider_id, files={"image_url": images[0]})
    files = {f"image_urls.{number}": data for number, data in enumerate(images)}
    output = {"image_url": "", "image_urls": [""] * len(images)}
    return Done(output, provider_id=provider_id, files=files)


def image_bytes(value: Any) -> bytes | None:
    """A picture that came as base64, None for what is none."""
    try:
        data = (
            media.inline_bytes(value) if isinstance(value, str) and not media.is_url(value) else b""
        )
    except media.MediaError:
        return None
    found = media.sniff(data)
    return data if found is not None and found.kind == "image" else None


def _song(words: str) -> dict[str, Any]:
    first, _, rest = words.partition("\n")
    title = first.strip(_MARKS)
    if title.lower().startswith("title:"):
        title = title[len("title:") :].strip(_MARKS)
    has_title = bool(rest.strip()) and bool(title) and not title.startswith("[")
    lyrics = rest.strip() if has_title else words
    return {"text": lyrics, "title": title[:_LONGEST_TITLE] if has_title else "", "lyrics": lyrics}


def _model(access: Access, models: Mapping[str, str], option: str) -> str:
    return _text(access.config.get(option)) or models[option]


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
