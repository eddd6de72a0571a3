"""Any server that speaks our own public contract (another Modelyard, or one of the services it is compatible with).

Decisions where the contract leaves one:

- A poll that is answered "not found" in the contract's words fails the work: the server has forgotten it, and only
  look-ups by reference could tell more. A 404 that is about the route (a deployment, a wrong proxy) is asked again.
- "completed" without an output object is a failure: there is nothing to deliver and there will not be.
- A look-up that is answered with other people's references is no answer: that server ignores the filter.
"""

import time
from collections.abc import Generator, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import orjson

from apps.core import media
from apps.core.wire import NoAnswer, Request, Response
from apps.providers import contract, reach, signatures, untrusted
from apps.providers.base import (
    Accepted,
    Access,
    AccountNeedsOwner,
    Callback,
    Done,
    Figures,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Running,
    Standing,
    Work,
)
from apps.providers.contract import Answer, RemoteTask, State

_QUICK_SECONDS = 15
_POINTS_PER_DOLLAR = 10_000_000
_MOST_DOLLARS = 10**12
_CENT = Decimal("0.01")
# Input fields that name a task to continue.
_PARENTS = ("origin_task_id", "task_id")
# URLs that stay the maker's own: they live for a day, and a copy of them would say something else.
_LINKS = ("discord_image_url",)
_PREVIEWS = "intermediate_image_urls"
_MOST_PREVIEWS = 20


class Federation:
    """`Access.config` may hold `service_mode` ("public" or "private"), sent with every task."""

    name: ClassVar[str] = "federation"
    can_look_up: ClassVar[bool] = True
    title: ClassVar[str] = "Another server with this API"
    summary: ClassVar[str] = "Any server that speaks this API runs your tasks, on its account."
    credential_label: ClassVar[str] = "API key"
    credential_help: ClassVar[str] = (
        "A key of your workspace there, with the right to create tasks."
    )
    base_url_default: ClassVar[str] = ""
    base_url_help: ClassVar[str] = "Where its API is, without /api/v1: https://api.example.com"

    def submit(self, work: Work, access: Access) -> Generator[Request, Response, Accepted | Done]:
        """Sent with our reference as `Idempotency-Key`: a server that honours it runs the work once."""
        response = yield Request(
            "POST",
            reach.url(access, "/api/v1/task"),
            headers={
                **_headers(access),
                "content-type": "application/json",
                "idempotency-key": work.reference,
            },
            body=orjson.dumps(_body(work, access)),
        )
        secrets = _secrets(access, work)
        answer = contract.read(response, secrets=secrets)
        if not answer.is_success:
            raise contract.failure(answer, creating=True)
        task = contract.remote_task(answer.data, secrets=secrets)
        if task is None:
            raise contract.nonsense(creating=True)
        return _started(task)

    def poll(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, Running | Done]:
        response = yield _call("GET", _task_path(handle), access)
        answer = contract.read(response, secrets=_secrets(access))
        if answer.is_unknown_object:
            raise ProviderRefused("The provider no longer knows the task.")
        task = _same_task(answer, handle, access)
        match task.state:
            case State.COMPLETED:
                return _done(task)
            case State.FAILED | State.CANCELLED:
                raise contract.task_failure(task)
            case State.RUNNING:
                return _running(task)
        raise contract.nonsense()

    def look_up(
        self, work: Work, access: Access
    ) -> Generator[Request, Response, Accepted | Done | None]:
        """By `client_reference`, which every task of the contract echoes in its config."""
        query = urlencode({"client_reference": work.reference, "limit": 5})
        try:
            response = yield _call("GET", f"/api/v1/tasks?{query}", access)
        except NoAnswer as error:
            raise ProviderUnavailable(str(error), is_unknown=True) from None
        secrets = _secrets(access, work)
        answer = contract.read(response, secrets=secrets)
        items = answer.data.get("items") if isinstance(answer.data, dict) else None
        if not (answer.is_success and isinstance(items, list)):
            raise _cannot_tell(answer)
        if not items:
            return None
        tasks = (contract.remote_task(item, secrets=secrets) for item in items)
        ours = [task for task in tasks if task is not None and _is_ours(task, work)]
        if not ours:
            raise _cannot_tell(answer)
        # More than one only where the key above was ignored; the newest comes first, the oldest is furthest on.
        return _started(ours[-1])

    def cancel(
        self, handle: Mapping[str, Any], access: Access
    ) -> Generator[Request, Response, bool]:
        response = yield _call("DELETE", _task_path(handle), access)
        answer = contract.read(response, secrets=_secrets(access))
        if answer.is_success:
            task = contract.remote_task(answer.data, secrets=_secrets(access))
            # Some answer 200 and go on.
            return task is None or task.state not in (State.RUNNING, State.COMPLETED)
        if answer.status in (400, 404, 405, 409):
            return False
        raise contract.failure(answer)

    def check(self, access: Access) -> Generator[Request, Response, Standing]:
        """Asks for the plan and the balance; where the server does not tell, for its models."""
        response = yield _call("GET", "/account/info", access)
        answer = contract.read(response, secrets=_secrets(access))
        if answer.is_success and isinstance(answer.data, dict):
            return _account(answer.data, access)
        if answer.status not in (200, 404, 405):
            raise contract.failure(answer)
        response = yield _call("GET", "/api/v1/models", access)
        answer = contract.read(response, secrets=_secrets(access))
        if not answer.is_success:
            raise contract.failure(answer)
        if not isinstance(answer.data, list):
            raise contract.nonsense()
        return Standing(
            f"The server lists {len(answer.data)} models; it does not tell plan or balance."
        )

    def figures(self, access: Access) -> Generator[Request, Response, Figures]:
        response = yield _call("GET", "/account/info", access)
        answer = contract.read(response, secrets=_secrets(access))
        if not (answer.is_success and isinstance(answer.data, dict)):
            raise contract.failure(answer) if not answer.is_success else contract.nonsense()
        return contract.figures(answer.data)

    def callback(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Callback:
        """Verified when it brings our secret or is signed with it; such a signature is good for five minutes."""
        message = untrusted.parsed(body)
        data = message.get("data") if isinstance(message, dict) else None
        task_id = contract.task_id_of(data) if isinstance(data, dict) else None
        if task_id is None:
            raise ValueError("not a task webhook of the contract")
        lower = {name.lower(): value for name, value in headers.items()}
        is_verified = signatures.holds_secret(lower, secret) or signatures.is_signed(
            lower, body, secret, now=time.time()
        )
        return Callback(provider_id=task_id, handle={"task_id": task_id}, is_verified=is_verified)


def _call(method: str, path: str, access: Access) -> Request:
    return Request(
        method, reach.url(access, path), headers=_headers(access), timeout_seconds=_QUICK_SECONDS
    )


def _headers(access: Access) -> dict[str, str]:
    return {"x-api-key": reach.credential(access), "accept": "application/json"}


def _body(work: Work, access: Access) -> dict[str, Any]:
    config: dict[str, Any] = {"client_reference": work.reference}
    if mode := access.config.get("service_mode"):
        config["service_mode"] = mode
    if work.callback_url:
        config["webhook_config"] = {"endpoint": work.callback_url, "secret": work.callback_secret}
    return {
        "model": work.model,
        "task_type": work.task_type,
        "input": _input(work),
        "config": config,
    }


def _input(work: Work) -> dict[str, Any]:
    """The input with the other server's own id of the task that it continues, and the mode that was decided."""
    changes: dict[str, Any] = {}
    if known := work.parent.get("id"):
        changes = {name: known for name in _PARENTS if name in work.input}
    if work.mode:
        changes["process_mode"] = work.mode
    return {**work.input, **changes}


def _secrets(access: Access, work: Work | None = None) -> tuple[str, ...]:
    """What no message may repeat: a customer sees it. The callback's address goes before the reference in it."""
    if work is None:
        return (access.credential,)
    return (access.credential, work.callback_secret, work.callback_url, work.reference)


def _task_path(handle: Mapping[str, Any]) -> str:
    return f"/api/v1/task/{quote(str(handle['task_id']), safe='')}"


def _same_task(answer: Answer, handle: Mapping[str, Any], access: Access) -> RemoteTask:
    """The task asked for. An answer about another one is nobody's: its result must never reach this customer."""
    if not answer.is_success:
        raise contract.failure(answer)
    asked = str(handle["task_id"])
    # It need not repeat the id; when it does, it must be the same.
    data = {"task_id": asked, **answer.data} if isinstance(answer.data, dict) else None
    task = contract.remote_task(data, secrets=_secrets(access))
    if task is None or task.id.lower() != asked.lower():
        raise contract.nonsense()
    return task


def _started(task: RemoteTask) -> Accepted | Done:
    if task.state in (State.FAILED, State.CANCELLED):
        raise contract.task_failure(task)
    if task.state is State.COMPLETED and isinstance(task.output, dict):
        return _done(task)
    # Whatever the status says: it has an id, so a poll will tell.
    return Accepted(provider_id=task.id, handle={"task_id": task.id})


def _done(task: RemoteTask) -> Done:
    output = _output(task)
    if output is None:
        raise ProviderRefused(
            "The provider calls the task completed, but gives no output.",
            cost_points=task.cost_points or 0,
        )
    links = {name: url for name in _LINKS if (url := _address(output.pop(name, "")))}
    # Results have none, and each would be copied.
    output.pop(_PREVIEWS, None)
    return Done(output=output, provider_id=task.id, cost_points=task.cost_points, links=links)


def _running(task: RemoteTask) -> Running:
    output = _output(task)
    shown = output.pop(_PREVIEWS, None) if output else None
    if output:
        # Copied with the result; until then an address there says nothing to a customer.
        output.pop("temporary_image_urls", None)
    urls = [url for one in shown if (url := _address(one))] if isinstance(shown, list) else []
    return Running(progress=task.progress, output=output, previews=tuple(urls[-_MOST_PREVIEWS:]))


def _address(value: Any) -> str:
    """A web address as it is; empty for everything else."""
    try:
        return media.checked_url(value) if isinstance(value, str) and media.is_url(value) else ""
    except media.MediaError:
        return ""


def _output(task: RemoteTask) -> dict[str, Any] | None:
    try:
        output = untrusted.kept(task.output)
    except ValueError:
        return None
    return output if isinstance(output, dict) else None


def _is_ours(task: RemoteTask, work: Work) -> bool:
    return isinstance(task.config, dict) and task.config.get("client_reference") == work.reference


def _cannot_tell(answer: Answer) -> Exception:
    """The account's own errors as they are; anything else leaves open whether the work arrived."""
    error = contract.failure(answer)
    if not isinstance(error, ProviderUnavailable):
        return error
    return ProviderUnavailable(
        "The provider cannot say whether it has the work.",
        is_unknown=True,
        retry_after_seconds=error.retry_after_seconds,
    )


def _account(data: dict[str, Any], access: Access) -> Standing:
    """Its plan and balance. Raises AccountNeedsOwner where tasks would be refused for lack of money."""
    told = untrusted.text(data.get("plan"), most=40)
    plan = told or "unknown"
    dollars = _balance(data)
    if dollars is None:
        return Standing(
            f"Plan {plan}; the server does not tell the balance.", plan=told.lower() or None
        )
    if dollars <= 0 and access.config.get("service_mode") != "private":
        raise AccountNeedsOwner(
            f"The balance at the provider is ${dollars:,.2f}.", need=Need.BALANCE
        )
    return Standing(f"Plan {plan}, balance ${dollars:,.2f}.", plan=told.lower() or None)


def _balance(data: dict[str, Any]) -> Decimal | None:
    """US dollars, from the wallet's points or, on older servers, from what they call `equivalent_in_usd`."""
    wallet = data.get("wallet")
    points = wallet.get("balance") if isinstance(wallet, dict) else None
    amounts = ((points, _POINTS_PER_DOLLAR), (data.get("equivalent_in_usd"), 1))
    for amount, per_dollar in amounts:
        if isinstance(amount, int | float) and not isinstance(amount, bool):
            dollars = Decimal(str(amount)) / per_dollar
            if dollars.is_finite() and abs(dollars) < _MOST_DOLLARS:
                return dollars.quantize(_CENT, rounding=ROUND_DOWN)
    return None
