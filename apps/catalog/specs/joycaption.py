"""Qubico/joycaption: what a picture shows, in words."""

from django.utils.translation import gettext_noop
from pydantic import Field

from apps.catalog.inputs import MULTILINE, Image, TaskInput
from apps.catalog.spec import OutputKind, Rate, Route, TaskSpec


class Caption(TaskInput):
    image: Image = Field(title=gettext_noop("Image"))
    prompt: str = Field(
        "",
        max_length=2000,
        title=gettext_noop("What to say of it"),
        description=gettext_noop("Empty: one paragraph that describes it."),
        json_schema_extra=MULTILINE,
    )


SPECS = [
    TaskSpec(
        model="Qubico/joycaption",
        task_type="joycaption-beta-one",
        family="joycaption",
        title=gettext_noop("Caption"),
        summary=gettext_noop("Describes a picture."),
        kind=OutputKind.TEXT,
        input=Caption,
        rates=(Rate("task", "0.005", unit="image"),),
        timeout_seconds=300,
        routes=tuple(Route(name, "caption") for name in ("openai", "anthropic", "google")),
    )
]
