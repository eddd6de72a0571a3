"""What the platform knows of one (model, task_type): a declaration, no behaviour of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from apps.accounts.models import Plan
from apps.catalog.inputs import TaskInput
from apps.core.errors import InvalidRequest
from apps.core.sentences import Sentence, sentence


class OutputKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    MODEL_3D = "3d"
    TEXT = "text"


@dataclass(frozen=True)
class Rate:
    """A price per unit in US$, which an operator can override: `Rate("film", "0.10", unit="s")`."""

    name: str
    usd: str
    unit: str = "task"


@dataclass(frozen=True)
class Charge:
    """So many units at one of the spec's rates."""

    rate: str
    quantity: Decimal = Decimal(1)


@dataclass(frozen=True)
class Route:
    """A way to have it made: an adapter, what it calls the job, and the Celery queue for it.

    A sandbox shows how a model is used where nobody can make the real thing; an installation may switch it off.
    """

    provider: str
    job: str
    queue: str = "provider"
    is_sandbox: bool = False


@dataclass(frozen=True)
class Parent:
    """What a follow-up needs to know of the task that it continues, as it was made."""

    task_type: str
    process_mode: str = ""
    model_version: str = ""


def _one_task(_: Any) -> Sequence[Charge]:
    return [Charge("task")]


@dataclass(frozen=True)
class TaskSpec:
    """One callable thing.

    `charges` says which rates an input costs and how often; the sum is rounded up once (see
    apps.catalog.pricing). `pending_output` is what `output` shows before the task is done, or a
    function of the input that says so (`pending` asks either). `echo_defaults` are added to the
    echoed input where absent, as clients of the original API expect. `timeout_seconds` is the
    deadline from its start to the end; waiting for an account does not count. `tells_progress`: webhooks also tell of
    the work on the way, as clients of this family expect.
    `routes` in order of preference; a spec without a usable one is listed as unavailable.
    `process_mode` says at which of the `modes` an input is to run, `model_version` of which generation;
    `slower` gives the input as it is when it must run in the slow mode, None where it does anyway.
    `follows` names the input field with the task that this one continues, which may have ended `follow_hours` ago
    (None: as long as it is kept); it runs where that did. `action` says what it does to it.
    `is_named_by_task`: its picture is a PNG whose address can be told from the task's id. `is_grid`: it is a grid of
    2 × 2, of which the four pictures are cut out. `shown` makes the public output of what came back.
    `aliases` are further names of the same (model, task_type).
    """

    model: str
    task_type: str
    family: str
    title: str
    summary: str
    kind: OutputKind
    input: type[TaskInput]
    rates: tuple[Rate, ...]
    charges: Callable[[Any], Sequence[Charge]] = _one_task
    modes: tuple[str, ...] = ()
    plan: Plan = Plan.HOBBYIST
    timeout_seconds: int = 600
    routes: tuple[Route, ...] = ()
    pending_output: Any | Callable[[Any], Any] = None
    echo_defaults: dict[str, Any] = field(default_factory=dict)
    process_mode: Callable[[Any], str] | None = None
    model_version: Callable[[Any], str] | None = None
    slower: Callable[[Any], Any | None] | None = None
    follows: str = ""
    follow_hours: int | None = None
    action: Callable[[Any], str] | None = None
    is_named_by_task: bool = False
    is_grid: bool = False
    shown: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    tells_progress: bool = False
    aliases: tuple[tuple[str, str], ...] = ()
    example: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> tuple[str, str]:
        return (self.model, self.task_type)

    def parse(self, raw: dict[str, Any]) -> TaskInput:
        """The validated input. Raises InvalidRequest naming the first field that does not fit."""
        try:
            return self.input.model_validate(raw)
        except ValidationError as error:
            raise _refused(error) from None

    def pending(self, values: TaskInput) -> Any:
        """What `output` shows for this input before the task is done."""
        shown = self.pending_output
        return shown(values) if callable(shown) else shown

    def rate(self, name: str) -> Rate:
        return next(rate for rate in self.rates if rate.name == name)


def _refused(error: ValidationError) -> InvalidRequest:
    found = error.errors(include_url=False, include_input=False, include_context=True)[:20]
    problems = [{"field": _path(one), "message": _words(one)} for one in found]
    first = problems[0]
    refused = InvalidRequest.field(first["field"], first["message"])
    refused.detail = {"field": first["field"], "errors": problems}
    return refused


def _path(found: Any) -> str:
    steps = ["input", *found["loc"]]
    if found["type"] == "rule":
        steps.append(found["ctx"]["field"])
    return ".".join(str(step) for step in steps)


def _words(found: Any) -> str:
    message = _message(found)
    return message if message.endswith(".") else sentence("{problem}.", problem=message)


def _message(found: Any) -> str:
    """Ours as they were made, so that pages can say them; the others are Pydantic's."""
    if found["type"] == "missing":
        return sentence("This field is required.")
    context = found.get("ctx", {})
    if found["type"] == "rule":
        return context["words"]  # type: ignore[no-any-return]
    raised = context.get("error")
    words = raised.args[0] if isinstance(raised, ValueError) and raised.args else None
    if isinstance(words, Sentence):
        return words
    return found["msg"].removeprefix("Value error, ")  # type: ignore[no-any-return]
