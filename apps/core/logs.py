"""Structured logs: one event a line, with request and task ids, and never a secret.

Fields are an allow-list: an event's `extra` that is not named here is dropped, so a prompt, a body or a credential
cannot get into a log by being handed to it. What a message's text holds is scrubbed by shape.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.types import EventDict

# What a line may carry besides time, level, logger and message.
FIELDS = frozenset(
    {
        "request_id", "task_id", "workspace", "key_id", "job", "attempt", "method", "route", "status",
        "ms", "bytes", "error", "model", "task_type", "family", "queue", "count", "provider", "reason",
        "pid", "path", "seconds", "file_id", "account",
    }
)  # fmt: skip
_ALWAYS = frozenset({"event", "level", "logger", "timestamp", "exception"})

# `name=value`, `"name": "value"`, `'name': 'value'`, with or without escaped quotes.
_IS = r"(\\{0,4}[\"']?\s*[:=]\s*\\{0,4}[\"']?)"
_NAMES = (
    "(?:api|secret|private|access)[-_]?key|secret|password[12]?|passwd|token|signature|sessionid"
)
_SECRETS = (
    (re.compile(r"my_(?:live|test)_[0-9A-Za-z]{8,}"), "my_live_[removed]"),
    # A header of several words, several cookies: the rest of the line.
    (re.compile(rf"(?i)(authorization|cookie){_IS}[^\r\n\"'\\]+"), r"\1\2[removed]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{16,}"), r"\1 [removed]"),
    (re.compile(rf"(?i)({_NAMES}){_IS}[^\s\"',;&}}\\]+"), r"\1\2[removed]"),
    (re.compile(r"\b(?:sk|pk|rk|whsec|gh[opsur])_\w{8,}"), "[removed]"),
    (re.compile(r"\bsk-[\w-]{16,}"), "[removed]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "[removed]"),
    (re.compile(r"//[^/\s:@]*:[^/\s@]+@"), "//[removed]@"),
    (re.compile(r"data:[\w/+.-]+;base64,[\w+/=]{16,}"), "data:[removed]"),
)  # fmt: skip
# Longer than any line worth reading; scrubbing a megabyte would take half a second.
_LONGEST = 20_000
_MARGIN = 4_096


def scrub(text: str) -> str:
    """The text without anything that looks like a credential, cut at 20,000 characters."""
    # Cut with a margin first, so that no secret is halved into something without its shape.
    cut = text[: _LONGEST + _MARGIN]
    for pattern, replacement in _SECRETS:
        cut = pattern.sub(replacement, cut)
    return cut if len(cut) <= _LONGEST else f"{cut[:_LONGEST]}…"


def _only_known_fields(_: Any, __: str, event: EventDict) -> EventDict:
    return {name: value for name, value in event.items() if name in FIELDS or name in _ALWAYS}


def _scrub_values(_: Any, __: str, event: EventDict) -> EventDict:
    # What is no number is text to a log, an exception or a dictionary too.
    return {
        name: value if value is None or isinstance(value, bool | int | float) else scrub(str(value))
        for name, value in event.items()
    }


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: standard logging in, one formatter out."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    tail: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _only_known_fields,
        _scrub_values,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if options["json"]
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*tail, renderer])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options["level"])
    for name in ("httpx", "httpcore", "botocore", "urllib3", "PIL", "kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Our own line per request (apps.core.middleware) says more.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    logging.getLogger("django.server").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
