"""Taking what is submitted: which task it makes, how fast it runs, and what the account has left for it."""

import re
import time
from dataclasses import dataclass, replace
from typing import Any

import orjson

from tests.bridge.behaviour import REASONS, Behaviour, Knobs, reason
from tests.bridge.store import MODES, Store, Task, new_id
from tests.upstream.http import Reply

SUBMITTED, NOT_FOUND, INVALID, FAILURE, FORM, QUEUED, QUEUE_FULL, BANNED = (
    1,
    3,
    4,
    9,
    21,
    22,
    23,
    24,
)
_FLAG = re.compile(r"--(relax|fast|turbo)(?=\s|$)")
_DEEDS = (
    ("MJ::JOB::upsample::", "UPSCALE"),
    ("MJ::JOB::upsample_", "UPSCALE"),
    ("MJ::JOB::variation::", "VARIATION"),
    ("MJ::JOB::high_variation::", "VARIATION"),
    ("MJ::JOB::low_variation::", "VARIATION"),
    ("MJ::JOB::reroll::", "REROLL"),
    ("MJ::JOB::pan_", "PAN"),
    ("MJ::Outpaint::", "ZOOM"),
    ("MJ::CustomZoom::", "ZOOM"),
    ("MJ::Inpaint::", "INPAINT"),
)
_NEW = {"imagine": "IMAGINE", "describe": "DESCRIBE", "blend": "BLEND"}
_ALWAYS_FORMS = ("MJ::CustomZoom::", "MJ::Inpaint::")
_REMIXED = ("VARIATION", "REROLL", "PAN")


@dataclass(frozen=True)
class Submit:
    call: str
    body: dict[str, Any]
    path_mode: str

    @property
    def state(self) -> str:
        return str(self.body.get("state") or "")

    @property
    def prompt(self) -> str:
        return str(self.body.get("prompt") or "")

    def modes(self) -> dict[str, str]:
        """What it asks for: by the path, by the account filter, by the prompt."""
        wanted = (self.body.get("accountFilter") or {}).get("modes") or []
        flags = _FLAG.findall(self.prompt)
        return {
            "path": self.path_mode,
            "filter": str(wanted[0]).lower() if wanted else "",
            "flag": flags[-1] if flags else "",
        }


def taken(made: Submit, knobs: Knobs, store: Store, behaviour: Behaviour) -> tuple[Reply, Knobs]:
    """The answer, and the knobs with what the task took of the account."""
    if why := why_off(knobs):
        return answer(FAILURE, why), knobs
    asked = made.modes()
    # As Midjourney does: fast unless told otherwise.
    mode = asked["path"] or asked["filter"] or asked["flag"] or "fast"
    store.of(made.state).modes.append(asked | {"ran": mode})
    if refusal := _not_in_plan(made, knobs, mode):
        return refusal, knobs
    is_exhausted = mode in MODES[1:] and knobs.fast_hours <= 0 and made.call != "describe"
    if is_exhausted and knobs.exhausted == "submit":
        return answer(FAILURE, REASONS["fast_hours"]), knobs
    if is_exhausted:
        behaviour = replace(behaviour, fail="fast_hours")
    task, reply = _task(made, knobs, store, behaviour, mode)
    if task is None or task.started is None or mode == "relax" or is_exhausted:
        return reply, knobs
    used = knobs.fast_cost * (2 if mode == "turbo" else 1)
    return reply, replace(knobs, fast_hours=max(0.0, round(knobs.fast_hours - used, 4)))


def why_off(knobs: Knobs) -> str:
    if knobs.captcha:
        return reason("captcha")
    return reason("banned", until=knobs.banned_until) if knobs.banned_until else ""


def refused(word: str, *, until: int) -> Reply:
    """Asked for by a test: a code of the bridge, an HTTP status, or a word of `behaviour.REASONS`."""
    descriptions = {
        NOT_FOUND: "the task does not exist or has expired",
        INVALID: "prompt must not be empty",
        FAILURE: "system error",
        QUEUE_FULL: "The queue is full, please try later",
        BANNED: "may contain sensitive words",
    }
    if word.isdigit() and int(word) in descriptions:
        extra = {"bannedWord": "gore"} if int(word) == BANNED else {}
        return answer(int(word), descriptions[int(word)], **extra)
    if word.isdigit():
        return Reply(status=int(word), body=b"<html>gateway</html>", content_type="text/html")
    if word == "html":
        return Reply(body=b"<html>welcome</html>", content_type="text/html")
    if word == "dropped":
        return Reply(fault="drop")
    if word == "no_account":
        return answer(NOT_FOUND, "no available account instance")
    return answer(FAILURE, reason(word, until=until))


def answer(code: int, description: str, result: Any = None, **properties: Any) -> Reply:
    body = {"code": code, "description": description, "result": result, "properties": properties}
    return Reply(body=orjson.dumps(body))


def _not_in_plan(made: Submit, knobs: Knobs, mode: str) -> Reply | None:
    if mode == "relax" and knobs.plan == "basic":
        return answer(FAILURE, "Relax mode is not included in the basic plan")
    return None


def _task(
    made: Submit, knobs: Knobs, store: Store, behaviour: Behaviour, mode: str
) -> tuple[Task | None, Reply]:
    if made.call in _NEW:
        return _new(made, store, behaviour, mode)
    if made.call == "modal":
        return _filled(made, store, behaviour, mode)
    parent = store.tasks.get(str(made.body.get("taskId")))
    if parent is None:
        return None, answer(NOT_FOUND, "the task does not exist or has expired")
    if parent.status() != "SUCCESS":
        return None, answer(INVALID, "the task is not finished")
    if made.call == "change":
        return _changed(made, store, behaviour, mode, parent)
    if made.call == "action" and knobs.follow_ups == "action":
        return _pressed(made, knobs, store, behaviour, mode, parent)
    return None, Reply(status=404, body=b"<html>nothing here</html>", content_type="text/html")


def _new(made: Submit, store: Store, behaviour: Behaviour, mode: str) -> tuple[Task | None, Reply]:
    if made.call == "imagine" and not made.prompt.strip():
        return None, answer(INVALID, "prompt must not be empty")
    if made.call == "blend" and not 2 <= len(made.body.get("base64Array") or []) <= 5:
        return None, answer(INVALID, "base64Array must have two to five pictures")
    if made.call == "describe" and not str(made.body.get("base64")).startswith("data:image/"):
        return None, answer(INVALID, "base64 must be a picture")
    task = _add(made, store, behaviour, mode, action=_NEW[made.call])
    return task, answer(SUBMITTED, "Submit success", task.id)


def _changed(
    made: Submit, store: Store, behaviour: Behaviour, mode: str, parent: Task
) -> tuple[Task | None, Reply]:
    action = str(made.body.get("action"))
    if action not in ("UPSCALE", "VARIATION", "REROLL"):
        return None, answer(INVALID, "no such action")
    index = int(made.body.get("index") or 0)
    known = next(
        (one for one in store.tasks.values() if _is_same(one, action, parent, index)), None
    )
    if known is not None and action == "UPSCALE":
        # What a picture of a grid is does not change: the family tells of the task that took it out before.
        return None, answer(FORM, "The task exists", known.id, status=known.status())
    task = _add(made, store, behaviour, mode, action=action, parent=parent, index=index)
    return task, answer(QUEUED, "In queue", task.id, numberOfQueues=1)


def _is_same(task: Task, action: str, parent: Task, index: int) -> bool:
    return (task.action, task.parent, task.index) == (action, parent, index)


def _pressed(
    made: Submit, knobs: Knobs, store: Store, behaviour: Behaviour, mode: str, parent: Task
) -> tuple[Task | None, Reply]:
    custom_id = str(made.body.get("customId"))
    shown = {one["customId"] for one in parent.data("", discord_links=False)["buttons"]}
    action = next((deed for start, deed in _DEEDS if custom_id.startswith(start)), "")
    if custom_id not in shown or not action:
        return None, answer(INVALID, "there is no such button")
    number = custom_id.split("::")[3] if action in ("UPSCALE", "VARIATION") else "0"
    opens = custom_id.startswith(_ALWAYS_FORMS) or (knobs.remix and action in _REMIXED)
    task = _add(
        made, store, behaviour, mode, action=action, parent=parent, index=int(number), starts=not opens
    )  # fmt: skip
    if opens:
        shown_prompt = "" if action == "INPAINT" else parent.prompt
        return task, answer(
            FORM, "Waiting for window confirm", task.id, finalPrompt=shown_prompt, remix=True
        )
    return task, answer(SUBMITTED, "Submit success", task.id)


def _filled(
    made: Submit, store: Store, behaviour: Behaviour, mode: str
) -> tuple[Task | None, Reply]:
    task = store.tasks.get(str(made.body.get("taskId")))
    if task is None or task.started is not None:
        return None, answer(NOT_FOUND, "the task does not exist or has expired")
    if not made.prompt.strip() or (task.action == "INPAINT" and not made.body.get("maskBase64")):
        return None, answer(INVALID, "prompt and mask must not be empty")
    task.prompt, task.mode, task.behaviour = made.prompt, mode, behaviour
    task.started = time.time()
    task.bodies.append(made.body)
    return task, answer(SUBMITTED, "Submit success", task.id)


def _add(
    made: Submit,
    store: Store,
    behaviour: Behaviour,
    mode: str,
    *,
    action: str,
    parent: Task | None = None,
    index: int = 0,
    starts: bool = True,
) -> Task:
    now = time.time()
    prompt = made.prompt or (parent.prompt if parent else "")
    return store.add(
        Task(
            id=new_id(),
            action=action,
            prompt=prompt,
            state=made.state,
            mode=mode,
            behaviour=behaviour,
            submitted=now,
            started=now if starts else None,
            parent=parent,
            index=index,
            until=int(now) + 86_400,
            bodies=[made.body],
        )
    )
