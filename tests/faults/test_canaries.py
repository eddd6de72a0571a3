"""Nothing secret leaks: a whole task, well and badly, with canaries for secrets, and a look at all that came of it.

Looked at: the log as production writes it, what tests capture of it before it is scrubbed, every message to the
broker, every page of the admin, and every answer of the API.
"""

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.byoa.services import checks
from apps.core import logs
from apps.core.errors import DomainError
from apps.notifications.services import deliver as delivering
from apps.notifications.services.lanes import Lanes
from apps.providers.base import ProviderError
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from tests.api.conftest import Caller
from tests.factories import PICTURE
from tests.factories.byoa import account
from tests.tasks.remote.conftest import due_now
from tests.upstream.running import Receiver, Upstream

pytestmark = pytest.mark.django_db(transaction=True)

CREDENTIAL = "canary-credential-5f0c"
WEBHOOK_SECRET = "canary-webhook-secret-77aa"
PROMPT = "canary-prompt-91bd"
_SECRETS = {"credential": CREDENTIAL, "webhook secret": WEBHOOK_SECRET}
# How the provider and the receiver behave; each a way for an error to quote what it was given.
WAYS = [
    ("", "200"),
    ("[fail=11000][bills]", "200"),
    ("[fail=11002]", "500"),
    ("[create=500][times=1]", "302=http://169.254.169.254/"),
    ("[create=html]", "drop"),
    ("[create=types]", "410"),
    ("[create=400]", "429=7"),
    ("[create=401]", "200"),
    ("[poll=html][poll_times=1]", "500"),
    ("[result=loopback]", "200"),
    ("[result=page]", "200"),
]


class Seen:
    """Everything that was written down somewhere, by where."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}

    def add(self, where: str, text: str) -> None:
        self.texts.setdefault(where, []).append(text)

    def leaks(self, **secrets: str) -> list[str]:
        return [
            f"{name} in {where}: …{text[max(0, text.index(secret) - 200) : text.index(secret) + 80]}…"
            for where, texts in self.texts.items()
            for text in texts
            for name, secret in secrets.items()
            if secret in text
        ]


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture) -> Iterator[Seen]:
    found, message_sent = Seen(), threading.Event()
    stream, before = io.StringIO(), logging.getLogger().handlers[:]
    logs.configure({"level": "DEBUG", "json": True})
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    logging.getLogger().handlers += before

    def note(body: Any = None, headers: Any = None, properties: Any = None, **_: Any) -> None:
        found.add("message", f"{body} {headers} {properties}")
        message_sent.set()

    before_task_publish.connect(note, weak=False, dispatch_uid="canaries")
    yield found
    before_task_publish.disconnect(dispatch_uid="canaries")
    logging.getLogger().handlers[:] = before
    assert message_sent.wait(5), "no message was looked at"


@pytest.mark.parametrize(("words", "answer"), WAYS)
def test_no_secret_is_written_down_anywhere(
    workspace: Workspace,
    key: str,
    upstream: Upstream,
    receiver: Receiver,
    seen: Seen,
    caplog: pytest.LogCaptureFixture,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    answer: str,
):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    monkeypatch.setattr("apps.tasks.services.remote.copies._TRIES", 1)
    made = account(base_url=upstream.url, credential=CREDENTIAL, config={"poll_seconds": 0.05})
    receiver.answer(answer)
    stream = _log_stream()
    with caplog.at_level(logging.DEBUG):
        _call_the_api(seen, Caller(key), f"{receiver.url}/hook", words)
        _run_everything(monkeypatch)
        _check(made.pk)
    _look_at_the_admin(seen)
    seen.add("log", stream.getvalue())
    for record in caplog.records:
        seen.add("record", f"{record.getMessage()} {vars(record)} {record.exc_text}")

    assert upstream.totals()["submits"] >= 1
    assert len(seen.texts["admin"]) > 10
    assert '"event": "task ended"' in stream.getvalue() or "[create=" in words
    # What a customer asked for is theirs to read and the operator's to see, but no log's or queue's business.
    pages = {where: seen.texts.pop(where) for where in ("answer", "admin")}
    assert seen.leaks(prompt=PROMPT, key=key, **_SECRETS) == []
    seen.texts = pages
    assert seen.leaks(key=key, **_SECRETS) == []


def _log_stream() -> io.StringIO:
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    assert isinstance(handler.stream, io.StringIO)
    return handler.stream


def _call_the_api(seen: Seen, api: Caller, endpoint: str, words: str) -> None:
    """A good request, the same again, bad ones, and what can be read of it."""
    webhook = {"endpoint": endpoint, "secret": WEBHOOK_SECRET, "progress": True}
    body = PICTURE | {
        "input": {"prompt": f"{PROMPT} {words}"},
        "config": {"webhook_config": webhook},
    }
    made = api.post("/api/v1/task", body)
    assert made.status_code == 200, made.content
    task_id = made.json()["data"]["task_id"]
    answers = [
        made,
        api.post("/api/v1/task", body | {"model": "no/such"}),
        api.post("/api/v1/task", body | {"input": {"prompt": [PROMPT]}}),
        api.post(
            "/api/v1/task",
            body | {"config": {"webhook_config": webhook | {"endpoint": "file:///"}}},
        ),
        api.get(f"/api/v1/task/{task_id}"),
        api.get("/api/v1/tasks"),
        api.get("/api/v1/webhooks/deliveries"),
        api.get("/account/info"),
    ]
    for response in answers:
        seen.add("answer", response.content.decode())


def _run_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        due_now()
        dispatch()
        Pump().run(seconds=5)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE notifications_delivery SET next_attempt_at = statement_timestamp() WHERE state = 'WAITING'"
            )
        monkeypatch.setattr(delivering, "_lanes", Lanes())
        delivering.deliver(linger_seconds=0)


def _check(account_id: int) -> None:
    try:
        checks.check_now(account_id=account_id)
    except (ProviderError, DomainError) as error:
        logging.getLogger(__name__).warning("check failed: %s", error, exc_info=True)


def _look_at_the_admin(seen: Seen) -> None:
    """Every list, and the page of every row that there is."""
    client = Client(raise_request_exception=True)
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"admin:{name}_changelist")]
        rows = model._default_manager
        rows = rows.across_workspaces() if hasattr(rows, "across_workspaces") else rows.all()
        addresses += [reverse(f"admin:{name}_change", args=[row.pk]) for row in rows[:5]]
        for address in addresses:
            seen.add("admin", client.get(address).content.decode())
