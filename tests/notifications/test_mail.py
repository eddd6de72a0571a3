"""The mail outbox: written with its cause, sent once, tried again when the mail server is away."""

import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as django_mail
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.notifications.models import Email
from apps.notifications.services import mail, mail_out


@pytest.fixture(autouse=True)
def _templates(tmp_path: Path, settings: Any) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "greeting.txt").write_text("Hello {{ name }}\n\n{{ name }} is at {{ base_url }}\n")
    (folder / "pretty.txt").write_text("Pretty {{ name }}\n\nplain\n")
    (folder / "pretty.html").write_text("<p>{{ name }}</p>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]


def _add(**changes: Any) -> None:
    mail.add(
        **{
            "key": "test:1",
            "to": ["a@example.com"],
            "template": "greeting",
            "context": {"name": "A & B"},
            **changes,
        }
    )


def _rows() -> list[Email]:
    return list(Email.objects.across_workspaces().order_by("id"))


@pytest.mark.django_db
def test_add_writes_one_mail_per_address_with_its_words(workspace: Workspace) -> None:
    _add(to=["a@example.com", "b@example.com"], workspace_id=workspace.pk)

    found = [(r.to, r.workspace_id, r.kind, r.subject, r.text, r.html, r.state) for r in _rows()]
    text = "A & B is at http://testserver\n"
    assert found == [
        (to, workspace.pk, "greeting", "Hello A & B", text, "", "waiting")
        for to in ("a@example.com", "b@example.com")
    ]


@pytest.mark.django_db
def test_add_repeated_with_the_same_key_writes_nothing_more() -> None:
    _add()
    _add(context={"name": "later"}, to=["a@example.com", "new@example.com"])

    assert [(r.to, r.subject) for r in _rows()] == [
        ("a@example.com", "Hello A & B"),
        ("new@example.com", "Hello later"),
    ]


@pytest.mark.django_db(transaction=True)
def test_add_is_undone_with_its_transaction() -> None:
    with transaction.atomic():
        _add()
        transaction.set_rollback(True)

    assert _rows() == []


@pytest.mark.django_db
def test_add_keeps_a_line_break_out_of_the_subject_and_escapes_html() -> None:
    _add(template="pretty", context={"name": "<b>\r\nBcc: x@example.com"})

    row = _rows()[0]
    assert row.subject == "Pretty <b>"
    assert row.html == "<p>&lt;b&gt;\r\nBcc: x@example.com</p>"


@pytest.mark.django_db
def test_send_waiting_sends_each_mail_once_with_attachment_and_constant_id() -> None:
    _add(template="pretty", attachment=mail.Attachment("a.pdf", "application/pdf", b"%PDF"))

    assert mail_out.send_waiting() is False
    assert mail_out.send_waiting() is False

    (sent,) = django_mail.outbox
    (row,) = _rows()
    assert (sent.to, sent.subject, sent.attachments[0]) == (
        ["a@example.com"],
        "Pretty A & B",
        ("a.pdf", b"%PDF", "application/pdf"),
    )
    assert sent.extra_headers["Message-ID"] == mail_out._message(row).extra_headers["Message-ID"]
    assert (row.state, row.attempts, row.next_attempt_at) == ("sent", 1, None)
    assert row.sent_at is not None


@pytest.mark.django_db
def test_send_waiting_leaves_what_somebody_else_claimed() -> None:
    _add()
    assert mail_out._claimed() is not None

    mail_out.send_waiting()

    assert django_mail.outbox == []


class _Server(socketserver.ThreadingTCPServer):
    """A mail server that answers the name of the receiver with the next of `answers`, then with yes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.answers: list[str] = []
        self.received: list[str] = []


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "RCPT":
                self._say(self.server.answers.pop(0) if self.server.answers else "250 ok")
            elif word == "DATA":
                self._say("354 go on")
                self.server.received.append("".join(iter(self._line, ".")))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _line(self) -> str:
        return self.rfile.readline().decode().strip()

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@pytest.fixture
def smtp(settings: Any) -> Iterator[_Server]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_USE_TLS = False
    with _Server() as server:
        settings.EMAIL_PORT = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.django_db
def test_send_waiting_speaks_to_a_mail_server(smtp: _Server) -> None:
    _add()
    _add(key="test:2", context={"name": "C"})

    mail_out.send_waiting()

    assert [r.state for r in _rows()] == ["sent", "sent"]
    assert ["Auto-Submitted: auto-generated" in body for body in smtp.received] == [True, True]
    assert ["A & B is at" in body for body in smtp.received] == [True, False]


@pytest.mark.django_db
def test_send_waiting_gives_up_on_an_address_that_does_not_exist_and_goes_on(smtp: _Server) -> None:
    smtp.answers[:] = ["550 no such person", "450 later", "250 ok"]
    for n in range(3):
        _add(key=f"test:{n}")

    mail_out.send_waiting()

    assert [(r.state, r.error) for r in _rows()] == [
        ("failed", "Refused: [550]"),
        ("waiting", "Refused: [450]"),
        ("sent", ""),
    ]


@pytest.mark.django_db
def test_send_waiting_tries_again_later_and_at_last_gives_up(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 1, False
    _add()
    waits = []
    for _ in range(mail_out.MOST_ATTEMPTS):
        Email.objects.across_workspaces().update(next_attempt_at=timezone.now())
        mail_out.send_waiting()
        (row,) = _rows()
        if row.next_attempt_at is not None:
            waits.append(round((row.next_attempt_at - timezone.now()).total_seconds() / 60))

    assert waits == [1, 2, 5, 15, 60, 180, 360, 360, 360]
    assert (row.state, row.attempts, row.error) == ("failed", 10, "ConnectionRefusedError 111")


@pytest.mark.django_db
def test_send_waiting_when_the_server_is_away_spends_one_attempt_only(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", 1, False
    _add()
    _add(key="test:2")

    mail_out.send_waiting()

    assert sorted(r.attempts for r in _rows()) == [0, 1]


@pytest.mark.django_db
def test_forget_drops_attachments_then_mails_but_nothing_that_waits() -> None:
    file = mail.Attachment("a.pdf", "application/pdf", b"%PDF")
    for n, (days, state) in enumerate(
        [(91, "sent"), (91, "waiting"), (8, "failed"), (8, "waiting"), (6, "sent")]
    ):
        _add(key=f"test:{n}", attachment=file)
        Email.objects.across_workspaces().filter(key=f"test:{n}").update(
            created_at=timezone.now() - timedelta(days=days), state=state
        )

    mail_out.forget()

    assert [(r.key, r.attachment is None) for r in _rows()] == [
        ("test:1", False),
        ("test:2", True),
        ("test:3", False),
        ("test:4", False),
    ]
