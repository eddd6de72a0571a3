"""music-s: songs from a description or from lyrics, continued and joined; and lyrics alone."""

from collections.abc import Sequence
from typing import Annotated, Any

from django.utils.translation import gettext_noop
from pydantic import AliasChoices, Field, model_validator

from apps.accounts.models import Plan
from apps.catalog.inputs import ADVANCED, MULTILINE, TaskInput, broken_rule, shaped
from apps.catalog.spec import Charge, OutputKind, Rate, Route, TaskSpec
from apps.core.sentences import sentence

MODEL = "music-s"
FAMILY = "suno"
# The name of an older client library; its types were called so.
ALIAS = "suno"

ClipId = Annotated[
    str,
    Field(max_length=64),
    shaped(
        "[0-9A-Za-z_-]{1,64}", sentence("This is not a clip id: give the id of one of the clips.")
    ),
]
_SANDBOX = Route("local", "song", queue="local", is_sandbox=True)
_WRITERS = tuple(Route(provider, "lyrics") for provider in ("openai", "anthropic", "google"))


class Described(TaskInput):
    gpt_description_prompt: str = Field(
        min_length=1,
        max_length=1000,
        # Some clients call it so.
        validation_alias=AliasChoices("gpt_description_prompt", "prompt"),
        title=gettext_noop("What kind of song"),
        description=gettext_noop("Mood, style, instruments, what it is about."),
        json_schema_extra=MULTILINE,
    )
    make_instrumental: bool = Field(False, title=gettext_noop("Without singing"))


class Written(TaskInput):
    prompt: str = Field(
        "", max_length=3000, title=gettext_noop("Lyrics"), json_schema_extra=MULTILINE
    )
    tags: str = Field(
        "",
        max_length=200,
        title=gettext_noop("Style"),
        description=gettext_noop("For example: folk, slow"),
    )
    title: str = Field("", max_length=80, title=gettext_noop("Title"))
    negative_tags: str = Field("", max_length=200, title=gettext_noop("Styles to avoid"))


class Continuation(Written):
    continue_at: float | None = Field(
        None,
        ge=0,
        le=3600,
        title=gettext_noop("Continue at"),
        description=gettext_noop("Seconds into that clip; empty is its end."),
        json_schema_extra=ADVANCED,
    )


class Custom(Continuation):
    continue_clip_id: ClipId | None = Field(
        None,
        title=gettext_noop("Clip to continue"),
        description=gettext_noop("The id of a clip; empty makes a new song."),
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _says_something(self) -> "Custom":
        if not (self.prompt or self.tags or self.title or self.continue_clip_id):
            raise broken_rule("prompt", sentence("Give lyrics, a style or a title."))
        return self


class Extend(Continuation):
    continue_clip_id: ClipId = Field(
        title=gettext_noop("Clip to continue"), description=gettext_noop("The id of a clip.")
    )


class Concat(TaskInput):
    continue_clip_id: ClipId = Field(
        title=gettext_noop("Last part"),
        description=gettext_noop("The clip that ends the song; it is joined with its parts."),
    )


class Lyrics(TaskInput):
    prompt: str = Field(
        min_length=1,
        max_length=1000,
        title=gettext_noop("What to write about"),
        json_schema_extra=MULTILINE,
    )


def _custom_charges(values: Any) -> Sequence[Charge]:
    return [Charge("continue" if values.continue_clip_id else "custom")]


def _once(rate: str) -> Any:
    return lambda _: [Charge(rate)]


def _songs(
    task_type: str,
    model: type[TaskInput],
    title: str,
    summary: str,
    *rates: Rate,
    charges: Any = None,
    **more: Any,
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.AUDIO,
        input=model,
        rates=rates,
        charges=charges or _once(rates[0].name),
        timeout_seconds=900,
        **more,
    )


SPECS = [
    _songs(
        "generate_music",
        Described,
        gettext_noop("Song from a description"),
        gettext_noop("Two songs, with lyrics of their own, from a few words."),
        Rate("song", "0.02"),
        routes=(_SANDBOX,),
        aliases=((ALIAS, "music"),),
        example={"gpt_description_prompt": "a calm folk song about a harbour in winter"},
    ),
    _songs(
        "generate_music_custom",
        Custom,
        gettext_noop("Song from lyrics"),
        gettext_noop("Two songs from your lyrics and style, or the continuation of a clip."),
        Rate("custom", "0.02"),
        Rate("continue", "0.04"),
        charges=_custom_charges,
        routes=(_SANDBOX,),
        example={
            "title": "Night Yard",
            "tags": "folk, slow",
            "prompt": "[Verse]\nThe cranes are sleeping, the ships are in",
        },
    ),
    TaskSpec(
        model=MODEL,
        task_type="lyrics",
        family=FAMILY,
        title=gettext_noop("Lyrics"),
        summary=gettext_noop("The words of a song about what you give."),
        kind=OutputKind.TEXT,
        input=Lyrics,
        rates=(Rate("lyrics", "0"),),
        charges=_once("lyrics"),
        plan=Plan.DEVELOPER,
        timeout_seconds=300,
        routes=_WRITERS,
        aliases=((ALIAS, "lyrics"),),
        example={"prompt": "a harbour in winter"},
    ),
    _songs(
        "extend",
        Extend,
        gettext_noop("Extend a song"),
        gettext_noop("Continues a clip."),
        Rate("extend", "0.04"),
    ),
    _songs(
        "concat",
        Concat,
        gettext_noop("Join a song"),
        gettext_noop("Makes one piece of a clip and all that it continues."),
        Rate("concat", "0.02"),
    ),
]
