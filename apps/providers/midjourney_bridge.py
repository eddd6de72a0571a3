"""A Midjourney bridge: a server of the customer's or the operator's own that speaks the REST interface of the
`midjourney-proxy` family. The credential is that server's own API secret (`mj-api-secret`).

Whatever the bridge needs to reach Midjourney stays there: no token, cookie or password of a Midjourney or Discord
account is asked for, and of what a bridge tells about its accounts only plan, hours and slots are kept. A captcha or a
ban is told to the account's owner and never worked around.

Decisions where bridges differ or leave one:

- An unknown status runs on, until the task's deadline.
- A task that the bridge no longer knows (an empty answer, or its "not found") has failed.
- "Finished" without a picture is a failure. A second result under another address is never asked for.
- A form that was opened but never sent runs nothing. So a look-up that finds only such says: it never arrived.
- Where a new prompt has to go into a form and none opens (the account's remix mode is off), the work would be made with
  the old prompt: it is cancelled and refused.
"""

from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from apps.core.wire import NoAnswer, Request, Response
from apps.providers import midjourney_answers as answers
from apps.providers import midjourney_requests as requests
from apps.providers import midjourney_standing as standing
from apps.providers import reach, untrusted
from apps.providers.base import (
    Accepted,
    Access,
    AccountNeedsOwner,
    Callback,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Running,
    Standing,
    Work,
)
from apps.providers.midjourney_answers import Answer, BridgeTask, State
from apps.providers.midjourney_requests import Asked

Why = ProviderRefused.Why

_QUICK_SECONDS = 15
# Bridges upload pictures, and ask Midjourney for a seed, while we wait.
_LONG_SECONDS = 60
_LIST_BYTES = 16 * 1024 * 1024
# What bridges list at most; a list of so many may go on.
_LISTED = 100
# A lost submit is looked for within its task's time, which is shorter.
_LONGEST_AGO_MS = 3_600_000
_REMIX_OFF = (
    "The account's remix mode is off, so this cannot be made with a new prompt: leave the prompt empty,"
    " or have the account's owner turn remix mode on."
)


class MidjourneyBridge:
    """`Access.config` may hold `actions` ("auto", "action" or "change": by which call follow-ups are made),
    `mode_paths` (the mode is part of the path) and `instance_id` (one of the bridge's accounts)."""

    name: ClassVar[str] = "midjourney_bridge"
    can_look_up: ClassVar[bool] = True
    title: ClassVar[str] = "Midjourney bridge"
    summary: ClassVar[str] = (
        "Your own server with the midjourney-proxy interface runs Midjourney tasks on your subscription."
    )
    credential_label: ClassVar[str] = "API secret"
    credential_help: ClassVar[str] = (
        "The bridge's own secret (mj-api-secret). Never a Discord or Midjourney token, cookie or password."
    )
    base_url_default: ClassVar[str] = ""
    base_url_help: ClassVar[str] = "Where the bridge is, without /mj: https://bridge.example.com"

    def submit(self, work: Work, access: Access) -> Generator[Request, Response, Accepted | Done]:
        """Never idempotent; a lost answer is found again by `state`, which is our reference."""
        if work.job == "seed":
            return (yield from _seed(work, access))
        asked = requests.asked(work, access)
        answer = yield from _sent(asked.call, asked.body, work, access)
        if answer.has_opened_form and asked.form:
            answer = yield from _filled(answer, asked, work, access)
        elif asked.needs_form and answer.is_taken:
            yield from _given_up(answer, work, access)
        if not answer.is_taken:
            raise answers.refusal(answer, prompt=_prompt(work), follows="taskId" in asked.body)
        if answer.task_id is None:
            raise answers.nonsense(creating=True)
        return _accepted(answer.task_id, work.job)

    def poll(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, Running | Done]:
        answer = yield from _asked_for(handle, access)
        if answer.is_gone:
            raise ProviderRefused("The bridge no longer knows the task.")
        task = _same_task(answer, handle, access)
        match task.state:
            case State.DONE:
                action = untrusted.text(task.fields.get("action"), most=40)
                job = handle.get("job") or action.lower()
                return answers.done(task, describes=job == "describe")
            case State.FAILED | State.CANCELLED:
                raise answers.failed(task)
        return answers.running(task)

    def look_up(
        self, work: Work, access: Access
    ) -> Generator[Request, Response, Accepted | Done | None]:
        """By `state` among the newest tasks; reading a seed leaves nothing behind."""
        if work.job == "seed":
            return None
        secrets = _secrets(access, work)
        try:
            response = yield _call("GET", "/mj/task/list", access, max_bytes=_LIST_BYTES)
        except NoAnswer as error:
            raise ProviderUnavailable(str(error), is_unknown=True) from None
        answer = answers.read(response, secrets=secrets)
        items = _items(answer)
        if items is None:
            raise _cannot_tell(answer)
        ours = [item for item in items if item.get("state") == work.reference]
        tasks = [task for item in ours if (task := answers.task_of(item, secrets=secrets))]
        found = next((task for task in _oldest_first(tasks) if task.state is not State.FORM), None)
        if found is not None:
            # Whatever became of it: a poll will tell.
            return _accepted(found.id, work.job)
        if not ours and _may_hide(items):
            raise _cannot_tell(answer)
        return None

    def cancel(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, bool]:
        """A bridge answers the same whether it did or did not, so the task is looked at afterwards."""
        response = yield _call("POST", _task_path(handle, "cancel"), access)
        answer = answers.read(response, secrets=_secrets(access))
        if answer.status in (400, 404, 405, 409):
            return False
        if answer.status >= 300:
            raise answers.trouble(answer)
        answer = yield from _asked_for(handle, access)
        if answer.is_gone:
            return True
        return _same_task(answer, handle, access).state in (State.FAILED, State.CANCELLED)

    def check(self, access: Access) -> Generator[Request, Response, Standing]:
        """Asks for the bridge's accounts; where it tells none, only whether it takes the secret."""
        response = yield _call("GET", "/mj/account/list", access)
        accounts = _items(answers.read(response, secrets=_secrets(access)))
        if accounts is not None:
            return standing.of_accounts(accounts, config=access.config)
        # Some tell only their administrator.
        body = orjson.dumps({"ids": ["0"]})
        response = yield _call("POST", "/mj/task/list-by-condition", access, body=body)
        answer = answers.read(response, secrets=_secrets(access))
        if _items(answer) is not None:
            return Standing("The bridge takes the secret; it does not tell plan or hours.")
        if answer.status in (401, 403) or answer.status >= 429:
            raise answers.trouble(answer)
        raise AccountNeedsOwner("There is no bridge at the account's address.", need=Need.SETUP)

    def callback(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Callback:
        """Never verified: bridges do not sign."""
        task = answers.task_of(untrusted.parsed(body), secrets=())
        if task is None or "status" not in task.fields:
            raise ValueError("not a task of a bridge")
        return Callback(provider_id=task.id, handle={"task_id": task.id})


# --------------------------------------------------------------------------------------------- submit


def _sent(
    call: str, body: Mapping[str, Any], work: Work, access: Access
) -> Generator[Request, Response, Answer]:
    path = f"{requests.prefix(work, access)}/submit/{call}"
    response = yield _call(
        "POST", path, access, body=orjson.dumps(body), timeout_seconds=_LONG_SECONDS
    )
    return answers.read(response, secrets=_secrets(access, work))


def _filled(
    opened: Answer, asked: Asked, work: Work, access: Access
) -> Generator[Request, Response, Answer]:
    """Send the form that the button opened. An empty prompt is the parent's, which the form shows."""
    if opened.task_id is None:
        raise answers.nonsense(creating=True)
    shown = untrusted.text(opened.properties.get("finalPrompt"), most=6000)
    prompt = asked.form.get("prompt") or requests.with_mode(shown, work.mode if shown else "")
    if not prompt:
        raise ProviderRefused("The picture has no prompt of its own: give one.", why=Why.INVALID)
    form = {**asked.form, "prompt": prompt, "taskId": opened.task_id}
    return (yield from _sent("modal", form, work, access))


def _given_up(answer: Answer, work: Work, access: Access) -> Generator[Request, Response, None]:
    """Stop what was started with the old prompt. Raises ProviderRefused whether that helped or not."""
    if answer.task_id is not None:
        with suppress(NoAnswer):
            yield _call("POST", _task_path({"task_id": answer.task_id}, "cancel"), access)
    raise ProviderRefused(_REMIX_OFF)


def _seed(work: Work, access: Access) -> Generator[Request, Response, Done]:
    """Reading twice does no harm, so a lost answer is no unknown outcome."""
    known = answers.seed_in(work.parent.get("seed"))
    if known:
        return Done({"seed": known})
    path = _task_path({"task_id": requests.parent_id(work)}, "image-seed")
    try:
        response = yield _call("GET", path, access, timeout_seconds=_LONG_SECONDS)
    except NoAnswer as error:
        raise ProviderUnavailable(str(error)) from None
    answer = answers.read(response, secrets=_secrets(access, work))
    result = answer.body.get("result") if isinstance(answer.body, dict) else None
    seed = answers.seed_in(result) if answer.is_taken else ""
    if not seed:
        raise _no_seed(answer)
    return Done({"seed": seed})


def _no_seed(answer: Answer) -> Exception:
    error = answers.refusal(answer, follows=True)
    if not isinstance(error, ProviderUnavailable):
        return error
    if answer.code is not None and answer.status < 500:
        return ProviderRefused(answer.message)
    return ProviderUnavailable(answer.message, retry_after_seconds=answer.retry_after_seconds)


def _accepted(task_id: str, job: str) -> Accepted:
    return Accepted(provider_id=task_id, handle={"task_id": task_id, "job": job})


# ---------------------------------------------------------------------------------------------- tasks


def _asked_for(handle: Mapping[str, Any], access: Access) -> Generator[Request, Response, Answer]:
    response = yield _call("GET", _task_path(handle, "fetch"), access)
    return answers.read(response, secrets=_secrets(access))


def _same_task(answer: Answer, handle: Mapping[str, Any], access: Access) -> BridgeTask:
    """The task asked for. An answer about another one is nobody's: its result must never reach this customer."""
    if answer.status >= 300:
        raise answers.trouble(answer)
    task = answers.task_of(answer.body, secrets=_secrets(access))
    if task is None or task.id != str(handle["task_id"]):
        raise answers.nonsense()
    return task


def _items(answer: Answer) -> list[dict[str, Any]] | None:
    """The tasks of a list, None where it is none."""
    body = answer.body
    found = body.get("list", body.get("data")) if isinstance(body, dict) else body
    if answer.status >= 300 or not isinstance(found, list):
        return None
    return [item for item in found if isinstance(item, dict)]


def _oldest_first(tasks: list[BridgeTask]) -> list[BridgeTask]:
    """More than one only where a submit was sent again that had arrived after all; the oldest is furthest on."""
    return sorted(tasks, key=lambda task: _submitted_ms(task.fields))


def _submitted_ms(fields: Mapping[str, Any]) -> int:
    return untrusted.whole(fields.get("submitTime"), most=10**14) or 0


def _may_hide(items: list[dict[str, Any]]) -> bool:
    """Whether a task of ours may exist that the list does not show: it shows no states, or reaches back too little."""
    if not items:
        return False
    if not any("state" in item for item in items):
        return True
    times = [at for item in items if (at := _submitted_ms(item))]
    reach_ms = max(times) - min(times) if times else 0
    return len(items) >= _LISTED and reach_ms < _LONGEST_AGO_MS


def _cannot_tell(answer: Answer) -> Exception:
    """The account's own errors as they are; anything else leaves open whether the work arrived."""
    error = answers.trouble(answer)
    if not isinstance(error, ProviderUnavailable):
        return error
    return ProviderUnavailable(
        "The bridge cannot say whether it has the work.",
        is_unknown=True,
        retry_after_seconds=answer.retry_after_seconds,
    )


# --------------------------------------------------------------------------------------------- the wire


def _call(
    method: str,
    path: str,
    access: Access,
    *,
    body: bytes = b"",
    timeout_seconds: float = _QUICK_SECONDS,
    max_bytes: int = 4 * 1024 * 1024,
) -> Request:
    headers = {"mj-api-secret": reach.credential(access), "accept": "application/json"}
    if body:
        headers["content-type"] = "application/json"
    url = reach.url(reach.trimmed(access, "/mj"), path)
    return Request(
        method,
        url,
        headers=headers,
        body=body,
        timeout_seconds=timeout_seconds,
        max_bytes=max_bytes,
    )


def _task_path(handle: Mapping[str, Any], what: str) -> str:
    return f"/mj/task/{quote(str(handle['task_id']), safe='')}/{what}"


def _secrets(access: Access, work: Work | None = None) -> tuple[str, ...]:
    """What no message may repeat: a customer sees it. The callback's address goes before the reference in it."""
    if work is None:
        return (access.credential,)
    return (access.credential, work.callback_secret, work.callback_url, work.reference)


def _prompt(work: Work) -> str:
    given = work.input.get("prompt")
    return given if isinstance(given, str) else ""
