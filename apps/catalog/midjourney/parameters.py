"""The `--name value` parameters of a prompt: which values are good, and what they ask for."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from apps.catalog.midjourney.words import is_parameter, is_url, url_and_weight, words_of
from apps.core.sentences import sentence

MODES = ("relax", "fast", "turbo")

SPACE_BEFORE = sentence("Invalid Param Format: there should be space before --")
SPACE_AFTER = sentence("Invalid Param Format: there should be no space after --")

# Only ASCII digits, no sign, no exponent: what Python takes for a number is more than Midjourney does.
_WHOLE = re.compile("[0-9]+")
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_RATIO = re.compile("[0-9]+:[0-9]+")
_WEIGHT = re.compile("-?[0-9]+")


@dataclass(frozen=True)
class Parameter:
    """`words` are those that belong to it; the word at `at` is the `--name` itself."""

    name: str
    at: int
    words: tuple[str, ...]

    @property
    def value(self) -> str:
        return self.words[0] if self.words else ""


@dataclass(frozen=True)
class _Rule:
    is_good: Callable[[str], bool]
    suffix: str


def _whole(low: int, high: int) -> Callable[[str], bool]:
    # Thousands of digits are no number of ours, and Python refuses to read them.
    def is_good(text: str) -> bool:
        digits = text.lstrip("0")[:20] or "0"
        return bool(_WHOLE.fullmatch(text)) and low <= int(digits) <= high

    return is_good


def decimal_of(text: str) -> Decimal | None:
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def _is_image_weight(text: str) -> bool:
    number = decimal_of(text)
    return number is not None and number <= 2


_AR = _Rule(lambda text: bool(_RATIO.fullmatch(text)), sentence(". Default: 1:1"))
_CHAOS = _Rule(_whole(0, 100), sentence(". Default: 0, Range: 0-100"))
_QUALITY = _Rule(lambda text: text in (".25", ".5", "1"), sentence(". Default: 1, Range: .25/.5/1"))
_REPEAT = _Rule(_whole(1, 40), sentence(". Range: 1-40"))
_STYLIZE = _Rule(_whole(0, 1000), sentence(". Default: 100, Range: 0-1000"))
_WEIRD = _Rule(_whole(0, 3000), sentence(". Default: 0, Range: 0-3000"))
_VERSION = _Rule(lambda text: decimal_of(text) is not None, "")

_RULES = {
    "aspect": _AR,
    "ar": _AR,
    "chaos": _CHAOS,
    "c": _CHAOS,
    "iw": _Rule(_is_image_weight, sentence(". Default: 1, Range: 0-2")),
    "quality": _QUALITY,
    "q": _QUALITY,
    "repeat": _REPEAT,
    "r": _REPEAT,
    "seed": _Rule(_whole(0, 2**32 - 1), sentence(". Default: Random, Range: 0-4294967295")),
    "stop": _Rule(_whole(10, 100), sentence(". Default: 100, Range: 10-100")),
    "stylize": _STYLIZE,
    "s": _STYLIZE,
    "sw": _STYLIZE,
    "weird": _WEIRD,
    "w": _WEIRD,
    "version": _VERSION,
    "v": _VERSION,
}
_NEED_URL = sentence("Invalid Param Value: --sref. At least one url is required after --sref")
_NEED_WEIGHTS = sentence(
    "Invalid Param Value: --sref. Relative weights should be integers, "
    "such as: '--sref urlA::2 urlB::3 urlC::5'"
)
_NO_VALUE = frozenset({*MODES, "tile", "video"})
_UNCHECKED = _NO_VALUE | {"no", "style", "niji", "cref", "cw", "sv"}
_ASPECT = ("ar", "aspect")
_CUT = (*_ASPECT, "repeat", "r")
_ALIASES = {
    "aspect": "ar", "c": "chaos", "q": "quality", "r": "repeat", "s": "stylize", "w": "weird", "v": "version",
}  # fmt: skip


# ------------------------------------------------------------------------------------------- check


def error_in(words: list[str], *, extra: Collection[str] = ()) -> str:
    """The message of the first wrong parameter, read from the left; "" where all are good."""
    known = (
        _UNCHECKED | {"sref"} | _RULES.keys() | {name.strip().lstrip("-").lower() for name in extra}
    )
    for at, word in enumerate(words):
        if "--" in word and not is_url(word):
            error = _format_error(word) or _error_at(words, at, known)
            if error:
                return error
    return ""


def _format_error(word: str) -> str:
    if not is_parameter(word) or "--" in word[2:]:
        return SPACE_BEFORE
    return "" if word[2:] else SPACE_AFTER


def _error_at(words: list[str], at: int, known: Collection[str]) -> str:
    name = words[at][2:].lower()
    if name not in known:
        return sentence("Unrecognized Param: --{name}", name=name)
    if name == "sref":
        return _style_error(_addresses(words, at))
    rule = _RULES.get(name)
    return _value_error(name, rule, "".join(words[at + 1 : at + 2])) if rule else ""


def _value_error(name: str, rule: _Rule, value: str) -> str:
    # `--ar 16:9--tile` lacks a space; its value is not to blame.
    if "--" in value and not is_parameter(value) and not is_url(value):
        return SPACE_BEFORE
    shown = value if is_url(value) else value.lower()
    if rule.is_good(shown):
        return ""
    return sentence(
        "Invalid Param Value: --{name} {value}{known}", name=name, value=shown, known=rule.suffix
    )


def _style_error(addresses: tuple[str, ...]) -> str:
    if not addresses:
        return _NEED_URL
    weights = [url_and_weight(word)[1] for word in addresses if is_url(word)]
    good = all(weight is None or _WEIGHT.fullmatch(weight) for weight in weights)
    return "" if good else _NEED_WEIGHTS


# -------------------------------------------------------------------------------------------- read


def parameters_in(words: list[str]) -> Iterator[Parameter]:
    """Every parameter with the words that are its own, whether or not it is a good one."""
    for at, word in enumerate(words):
        if is_parameter(word):
            name = word[2:].lower()
            yield Parameter(name, at, _own_words(words, at, name))


def _own_words(words: list[str], at: int, name: str) -> tuple[str, ...]:
    if name in _NO_VALUE:
        return ()
    if name in ("sref", "cref"):
        return _addresses(words, at)
    if name in _RULES:
        return tuple(word for word in words[at + 1 : at + 2] if not is_parameter(word))
    return _run(words, at, lambda word: not is_parameter(word))


def _addresses(words: list[str], at: int) -> tuple[str, ...]:
    return _run(words, at, lambda word: is_url(word) or word.lower() == "random")


def _run(words: list[str], at: int, belongs: Callable[[str], bool]) -> tuple[str, ...]:
    # No slice of all the rest: a prompt may be parameters from end to end.
    end = at + 1
    while end < len(words) and belongs(words[end]):
        end += 1
    return tuple(words[at + 1 : end])


def cut(words: list[str]) -> tuple[list[str], str]:
    """The words without aspect ratio and repetition, and the last aspect ratio among them."""
    taken: set[int] = set()
    aspect_ratio = ""
    for parameter in parameters_in(words):
        if parameter.name in _CUT:
            taken |= {parameter.at, parameter.at + len(parameter.words)}
        if parameter.name in _ASPECT:
            aspect_ratio = parameter.value
    return [word for at, word in enumerate(words) if at not in taken], aspect_ratio


def flag_mode(prompt: str) -> str:
    """The last of --relax, --fast and --turbo in the prompt; "" where there is none."""
    flags = [found.name for found in parameters_in(words_of(prompt)) if found.name in MODES]
    return flags[-1] if flags else ""


def _version_flag(prompt: str) -> tuple[str, Decimal] | None:
    """Name and number of the last version flag; None where there is none or it has no number."""
    found = [one for one in parameters_in(words_of(prompt)) if one.name in ("v", "version", "niji")]
    number = decimal_of(found[-1].value) if found else None
    if number is None:
        return None
    return "niji" if found[-1].name == "niji" else "v", min(number, Decimal(999))


def version_of(prompt: str) -> str:
    """ "v5" where the prompt's last version flag says 5.2 or older, or niji older than 6; else "v6"."""
    return class_of(asked_version(prompt))


def asked_version(prompt: str) -> str:
    """The last version flag as one word ("v6", "v5.2", "niji6"); "" where there is none with a number."""
    flag = _version_flag(prompt)
    return f"{flag[0]}{flag[1].normalize():f}"[:16] if flag else ""


def class_of(version: str) -> str:
    """ "v5" for a word of `asked_version` that is 5.2 or older, or niji older than 6; else "v6"."""
    name = "niji" if version.startswith("niji") else "v"
    number = decimal_of(version.removeprefix(name))
    if number is None:
        return "v6"
    is_old = number < 6 if name == "niji" else number <= Decimal("5.2")
    return "v5" if is_old else "v6"


def major_version(prompt: str) -> int:
    """4, 5, 6…: of the last version flag, niji's own number included; 6 without one."""
    flag = _version_flag(prompt)
    return int(flag[1]) if flag else 6


# ------------------------------------------------------------------------------------------- write


def without_mode_flags(prompt: str) -> str:
    """The prompt, preprocessed, without --relax, --fast and --turbo."""
    return _without(prompt, MODES)


def with_parameter(prompt: str, *, name: str, value: str = "") -> str:
    """The prompt, preprocessed, with this one as its last parameter, in place of any it had of that meaning."""
    same = {other for other in _RULES if _meaning(other) == _meaning(name)} | {name}
    return " ".join([_without(prompt, same), f"--{name}", value]).strip()


def _meaning(name: str) -> str:
    return _ALIASES.get(name, name)


def _without(prompt: str, names: Collection[str]) -> str:
    words = words_of(prompt)
    taken: set[int] = set()
    for found in parameters_in(words):
        if found.name in names:
            taken.update(range(found.at, found.at + len(found.words) + 1))
    return " ".join(word for at, word in enumerate(words) if at not in taken)
