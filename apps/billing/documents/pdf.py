"""PDFs, by typst.

The template is a file of ours and the data one JSON string, which it prints and never evaluates. It may read nothing
but its own folder, and takes its letters from the fonts that come with the platform, so that a document looks the same
and is the same bytes on every machine.
"""

import json
from dataclasses import asdict
from datetime import UTC
from functools import cache
from pathlib import Path

import manimgx_fonts
import manimgx_fonts_cjk
import typst

from apps.billing.documents import Document

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _fonts() -> typst.Fonts:
    folders = [Path(str(package.__file__)).parent for package in (manimgx_fonts, manimgx_fonts_cjk)]
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


def render(document: Document) -> bytes:
    """The document as PDF. The first one in a process takes about 0.2 s, each later one a few milliseconds."""
    data = asdict(document)
    written_at = data.pop("written_at")
    return typst.compile(
        _TEMPLATES / "document.typ",
        root=_TEMPLATES,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"data": json.dumps(data)},
        timestamp=written_at.astimezone(UTC).replace(microsecond=0),
    )
