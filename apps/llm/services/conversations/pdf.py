"""The text of a PDF that a stranger sent, read in a child process with limits of time and memory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.core.sentences import sentence

MOST_PAGES = 500
_SECONDS = 25
_CHILD = Path(__file__).with_name("pdf_child.py")


@dataclass(frozen=True, slots=True)
class Pdf:
    """`note` says what is missing of its text, and why."""

    text: str
    pages: int | None
    note: str = ""


def read(data: bytes, *, most_bytes: int) -> Pdf:
    """Blocks for up to half a minute. Never raises: what cannot be read has a note."""
    found = _ask_child(data, most_bytes)
    if found is None:
        return Pdf(
            "", None, sentence("The PDF could not be read in the time and memory there is for it.")
        )
    if found.get("is_damaged"):
        return Pdf("", None, sentence("The PDF is damaged: no text was found in it."))
    pages, text = int(found["pages"]), str(found["text"])
    if found["is_encrypted"]:
        return Pdf(
            "",
            None,
            sentence("The PDF is encrypted: its text cannot be read without the password."),
        )
    if not text.strip():
        return Pdf(
            "", pages, sentence("No text was found in the PDF: its pages are probably pictures.")
        )
    note = ""
    if found["read"] < pages:
        note = sentence(
            "Only the first {count} of {all} pages were read.", count=found["read"], all=pages
        )
    return Pdf(text, pages, note)


def _ask_child(data: bytes, most_bytes: int) -> dict[str, Any] | None:
    command = [sys.executable, "-I", "-B", str(_CHILD), str(MOST_PAGES), str(most_bytes)]
    try:
        done = subprocess.run(  # noqa: S603 - our own file, no argument from outside
            command,
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env=_environment(),
        )
        found = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _environment() -> dict[str, str]:
    """Nothing of ours: settings and secrets live in the environment of the parent."""
    kept = ("LD_LIBRARY_PATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C.UTF-8"}
