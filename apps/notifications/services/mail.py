"""Mails: written in the transaction of what they tell of, sent by a job afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
    """Write one mail per address, once per `key`: a repeated cause writes nothing.

    `template` names `templates/mail/<template>.txt`, whose first line is the subject; `<template>.html` is optional.
    """
