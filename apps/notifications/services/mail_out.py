"""Sending the mails that wait, and forgetting old ones.

A claim is the raised `attempts`: only who claimed a mail may write how it went. A mail may arrive twice when we die
after the mail server took it and before we noted that; both have the same Message-ID, by which readers fold them.
"""

import logging
import smtplib
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import mail
from django.db import connection
from django.db.models.functions import Now

from apps.notifications.models import Email

log = logging.getLogger(__name__)

# Seconds until the next attempt after the first, the second, …: 27 hours in all, a mail server's bad night.
_WAITS = (60, 120, 300, 900, 3_600, 3 * 3_600, 6 * 3_600, 6 * 3_600, 6 * 3_600)
MOST_ATTEMPTS = len(_WAITS) + 1
# More than one mail can take: every step of the conversation has EMAIL_TIMEOUT.
_LEASE_SECONDS = 300
_SLICE_SECONDS = 30

_CLAIM = """
UPDATE notifications_email SET attempts = attempts + 1,
       next_attempt_at = statement_timestamp() + %s * interval '1 second'
 WHERE id = (SELECT id FROM notifications_email
              WHERE state = 'waiting' AND next_attempt_at <= statement_timestamp()
              ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_FAIL = """
UPDATE notifications_email SET state = %(state)s::text, error = %(error)s,
       next_attempt_at = CASE WHEN %(state)s::text = 'waiting'
                              THEN statement_timestamp() + %(wait)s * interval '1 second' END
 WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'waiting'
"""


def send_waiting() -> bool:
    """Send what is due, for about half a minute; says whether more is due. Any number may do so at once."""
    until = time.monotonic() + _SLICE_SECONDS
    server = mail.get_connection()
    try:
        while time.monotonic() < until:
            row = _claimed()
            if row is None:
                return False
            problem = _attempt(server, row)
            if problem is not None and problem.is_servers:
                # The others would only fail the same way: they wait for the next beat.
                return False
        return True
    finally:
        _close(server)


def _claimed() -> Email | None:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [_LEASE_SECONDS])
        found = cursor.fetchone()
    return Email.objects.across_workspaces().get(pk=found[0]) if found else None


@dataclass(frozen=True)
class _Problem:
    """Why a mail was not taken. `is_final`: it never will be. `is_servers`: no mail would have been."""

    text: str
    is_final: bool = False
    is_servers: bool = False


def _attempt(server: Any, row: Email) -> _Problem | None:
    problem = _sent(server, row)
    if problem is None:
        Email.objects.across_workspaces().filter(
            pk=row.pk, attempts=row.attempts, state=Email.State.WAITING
        ).update(state=Email.State.SENT, sent_at=Now(), next_attempt_at=None, error="")
        return None
    log.warning("mail not sent", extra={"mail": row.pk, "kind": row.kind, "error": problem.text})
    is_over = problem.is_final or row.attempts >= MOST_ATTEMPTS
    with connection.cursor() as cursor:
        cursor.execute(
            _FAIL,
            {
                "id": row.pk,
                "attempts": row.attempts,
                "state": (Email.State.FAILED if is_over else Email.State.WAITING).value,
                "error": problem.text,
                "wait": 0 if is_over else _WAITS[row.attempts - 1],
            },
        )
    return problem


def _sent(server: Any, row: Email) -> _Problem | None:
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        return _Problem(_words(error), is_servers=True)
    try:
        server.send_messages([_message(row)])
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return _Problem(f"Refused: {codes}", is_final=min(codes, default=0) >= 500)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        _close(server)
        return _Problem(_words(error))
    return None


def _words(error: Exception) -> str:
    """Kind and code. What a server says beyond them may quote the mail."""
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return f"{type(error).__name__} {code or ''}".strip()[:200]


def _close(server: Any) -> None:
    try:
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        log.info("mail server left badly", extra={"error": type(error).__name__})


def _message(row: Email) -> mail.EmailMultiAlternatives:
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<mail-{row.pk}-{row.created_at:%Y%m%d%H%M%S%f}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    message = mail.EmailMultiAlternatives(row.subject, row.text, to=[row.to], headers=headers)
    if row.html:
        message.attach_alternative(row.html, "text/html")
    if row.attachment is not None:
        message.attach(row.attachment_name, bytes(row.attachment), row.attachment_type)
    return message


DAYS = 90
ATTACHMENT_DAYS = 7
_FORGET = """
DELETE FROM notifications_email WHERE id = ANY (ARRAY(
    SELECT id FROM notifications_email
     WHERE created_at < statement_timestamp() - %s * interval '1 day' AND state <> 'waiting'
     ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""


_DROP_ATTACHMENTS = """
UPDATE notifications_email SET attachment = NULL
 WHERE created_at < statement_timestamp() - %s * interval '1 day' AND state <> 'waiting' AND attachment IS NOT NULL
"""


def forget() -> None:
    """Delete mails that ended after 90 days, and their attachments after 7. Safe to repeat and to interrupt."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP_ATTACHMENTS, [ATTACHMENT_DAYS])
        cursor.execute(_FORGET, [DAYS])
        while cursor.rowcount:
            cursor.execute(_FORGET, [DAYS])
