"""A prompt as words: trimmed, one space between, an em dash read as the two hyphens it was typed as.

An address is one word that nothing here changes or looks into: it keeps its letters' case and its
dashes, and a `--` inside it starts no parameter.
"""

import re

# Control characters, halves of a surrogate pair and spaces of no width. Nobody sees them, databases
# and providers choke on them, and they would tear words apart. The joiners of emoji and of some
# scripts stay.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u2060\ufeff\ud800-\udfff]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")


def words_of(prompt: str) -> list[str]:
    return [
        word if is_url(word) else word.replace("—", "--")
        for word in _UNSEEN.sub("", prompt).split()
    ]


def is_url(word: str) -> bool:
    """The word is an address with a scheme, whichever it is."""
    scheme, separator, rest = word.partition("://")
    return bool(separator and rest and _SCHEME.fullmatch(scheme))


def holds_url(word: str) -> bool:
    """There is an address in the word, perhaps behind other characters: `(https://…`."""
    scheme, separator, rest = word.partition("://")
    return is_url(word) or bool(separator and rest and scheme[-1:].isalnum())


def is_parameter(word: str) -> bool:
    return word.startswith("--")


def url_and_weight(word: str) -> tuple[str, str | None]:
    """`url::2` as ("url", "2"); no weight is None. A comma or full stop behind it is not its own."""
    url, separator, weight = word.rstrip(",;.").partition("::")
    return url, weight if separator else None
