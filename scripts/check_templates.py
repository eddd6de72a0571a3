#!/usr/bin/env python3
"""Refuses what a strict Content-Security-Policy would break, in every template.

A browser only complains in its console, so the page would look fine and do nothing.
E-mails are left out: no policy reaches them, and mail programs know only inline styles.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_NO_POLICY = {"emails", "email"}

_RULES = {
    r"\shx-on[:\w-]*\s*=": "hx-on is evaluated: listen in a file below static/js",
    r"""\shx-(?:vals|headers|vars|trigger)\s*=\s*["']\s*(?:js|javascript):""": "js: is evaluated",
    r"\shx-vars\s*=": "hx-vars is evaluated: use hx-vals with JSON",
    r"""\shx-trigger\s*=\s*(?:"[^"]*\[|'[^']*\[)""": "a filter in [ ] of hx-trigger is evaluated",
    r"\sstyle\s*=": "inline style: use a class",
    r"<style\b": "inline <style>: use static/css",
    r"<script\b(?![^>]*\ssrc\s*=)": "inline <script>: use a file below static/js",
    r"\son[a-z]+\s*=": "inline event handler: listen in a file below static/js",
    r"""\s(?:href|src|action)\s*=\s*["']\s*javascript:""": "javascript: address",
}
_DATA_SCRIPT = re.compile(r"""<script\b[^>]*\stype\s*=\s*["']application/(?:ld\+)?json["']""")
_COMMENT = re.compile(r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->", re.DOTALL)


def problems(text: str) -> Iterator[tuple[int, str]]:
    """(line, sentence) for each offence in a template."""
    text = _COMMENT.sub(lambda comment: "\n" * comment.group().count("\n"), text)
    for pattern, sentence in _RULES.items():
        for found in re.finditer(pattern, text, re.IGNORECASE):
            if not _DATA_SCRIPT.match(text, found.start()):
                yield text.count("\n", 0, found.end()) + 1, sentence


def main() -> int:
    """1 when a template breaks a rule."""
    bad = 0
    for path in sorted(TEMPLATES.rglob("*.html")):
        if _NO_POLICY.isdisjoint(path.relative_to(TEMPLATES).parts):
            for line, sentence in problems(path.read_text()):
                print(f"{path.relative_to(TEMPLATES.parent)}:{line}: {sentence}")
                bad += 1
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
