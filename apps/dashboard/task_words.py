"""What the domain says of tasks, calls and files, in the reader's language: also what was stored, which is English."""

import re

from apps.core.sentences import Sentence, said

# Where one stored sentence ends and the next begins.
_BETWEEN = re.compile(r"(?<=\.) (?=[A-Z])")
_FULL_STOP = "。"


def told(text: str) -> str:
    """As much of it as is known, sentence by sentence. What a provider said itself stays as it is."""
    whole = said(text)
    if isinstance(text, Sentence) or whole != text:
        return whole
    found = ""
    for part in map(said, _BETWEEN.split(text)):
        # Chinese has no space between sentences.
        space = " " if found and not (found + part).endswith(_FULL_STOP) else ""
        found += space + part
    return found
