"""Mails: written in the transaction of what they tell of, sent by a job afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.template import Context, Engine, TemplateDoesNotExist
from django.utils import timezone, translation

from apps.core import brand
from apps.core.queue import Wake
from apps.notifications.models import Email
from apps.notifications.selectors import readers

_sender = Wake("notifications.mail", queue="deliver")
_SUBJECT_LENGTH = 200


@dataclass(frozen=True)
class Attachment:
    name: str
    content_type: str
    data: bytes


def add(
    *,
    key: str,
    to: Sequence[str],
    template: str,
    context: Mapping[str, Any],
    workspace_id: int | None = None,
    attachment: Attachment | None = None,
) -> None:
    """Write one mail per address, once per `key`: a repeated cause writes nothing. Each in its reader's language.

    `template` names `templates/mail/<template>.txt`, whose first line is the subject; `<template>.html` is optional.
    Templates may use `site_name`, `site_links` and `base_url` besides the context, which is the same for all languages:
    what they say of it goes through `said`. Sent once the transaction has committed, and not at all when it does not.
    """
    if not to:
        return
    values = {
        "site_name": settings.SITE_NAME,
        "site_links": brand.links(),
        "base_url": settings.BASE_URL,
        **context,
    }
    file = attachment or Attachment("", "", b"")
    row: dict[str, Any] = {
        "workspace_id": workspace_id,
        "key": key,
        "kind": template,
        "attachment_name": file.name,
        "attachment_type": file.content_type,
        "attachment": file.data or None,
    }
    spoken = readers.languages(addresses=to, workspace_id=workspace_id)
    words = {one: _words(template, values, one) for one in set(spoken.values())}
    Email.objects.bulk_create(
        [Email(**row, **words[spoken[one]], to=one) for one in to], ignore_conflicts=True
    )
    _sender.after_commit()


def _words(template: str, values: Mapping[str, Any], language: str) -> dict[str, str]:
    # In UTC, as they say, also when a person with a zone of their own causes them.
    with timezone.override(UTC), translation.override(language):
        whole = _rendered(f"mail/{template}.txt", values, escapes=False)
        html = _html(template, values)
    subject, _, text = whole.partition("\n")
    return {
        "subject": " ".join(subject.split())[:_SUBJECT_LENGTH],
        "text": text.strip() + "\n",
        "html": html,
    }


def _html(template: str, values: Mapping[str, Any]) -> str:
    try:
        # The lines above the document only load what it needs.
        return _rendered(f"mail/{template}.html", values, escapes=True).lstrip()
    except TemplateDoesNotExist as missing:
        if str(missing) != f"mail/{template}.html":  # what it includes is not there
            raise
        return ""


def _rendered(name: str, values: Mapping[str, Any], *, escapes: bool) -> str:
    template = Engine.get_default().get_template(name)
    return template.render(Context(dict(values), autoescape=escapes))
