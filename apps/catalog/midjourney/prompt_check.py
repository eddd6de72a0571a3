"""Whether Midjourney would take a prompt, in the words its customers know.

The steps are, in this order: preprocess; structure; banned words; permutations; parameters; image
addresses. The messages are an interface: clients compare them. Where the steps leave a choice:

- *What comes back with an error.* After a banned word nothing. After one in the structure, a
  permutation or a parameter the preprocessed prompt, whole, and no aspect ratio. After one in the
  image addresses alone the prompt as it would have been used, its aspect ratio cut out.
- *Which error.* Structure and banned words end the check. Otherwise a wrong image address replaces
  what was found before it. Of several wrong parameters the leftmost is told, of image addresses the
  first broken rule (place, alone, ending), of banned words the leftmost.
- *Preprocessing* drops control characters, lone surrogates and spaces of no width, which nobody sees;
  lines become spaces. The limit is 6000 bytes of UTF-8 after that. A prompt without a visible
  character is empty.
- *Addresses* are words with any scheme and `://`. They stay as they were given, an em dash or a `--`
  in one is part of it. A comma or full stop behind one is not. The ending is looked for at the very
  end (in any case), so a query behind `.png` is refused; `::` starts the weight. An address glued to
  something in front of it is not at the front.
- *A parameter* is looked for in every other word: `a--b` lacks its space before, a `--` by itself (at
  the end, too) has a space after. Names and values are read, and shown, in lower case. The value is the
  next word, whatever it is: `--ar --tile` has the bad value `--tile`; at the end it is empty, and the
  message shows it so. Words behind the value are prompt again.
- *Numbers* are ASCII digits: no sign, exponent, underscore or other digits; leading zeros are. An
  aspect ratio may have any two.
- *Unchecked parameters* take what follows up to the next `--`, flags (--fast, --tile…) take nothing;
  further names given by the operator are unchecked, too.
- *--sref and --cref* take the addresses (and `random`) directly behind them. A weight may be negative.
- *Alone* is an address with nothing but parameters behind it, a style's address included.
- *Several* --ar: the last counts, all are cut, as is every --repeat.
- *skip* leaves the prompt preprocessed and its parameters in it: nothing is cut and no aspect ratio
  comes back.
"""

from collections.abc import Collection
from dataclasses import dataclass

from apps.catalog.midjourney import image_urls, parameters
from apps.catalog.midjourney.banned_words import BannedWords
from apps.catalog.midjourney.words import is_parameter, words_of
from apps.core.sentences import sentence

MAX_BYTES = 6000
EMPTY = sentence("Prompt is empty, please enter a prompt")
ONLY_PARAMETERS = sentence("Prompt is empty, not allowed to start with -- params")
TOO_LONG = sentence("Prompt is too long, limited to 6000 characters")
PERMUTATION = sentence("Permutation Not Supported")


@dataclass(frozen=True)
class Checked:
    """The prompt to use, and "" or why it is refused."""

    prompt: str
    error_message: str = ""
    aspect_ratio: str = ""


def check(
    prompt: str,
    *,
    banned: BannedWords,
    is_remix: bool = False,
    skip: bool = False,
    extra_parameters: Collection[str] = (),
) -> Checked:
    """Never raises; takes time in proportion to the prompt's length."""
    words = words_of(prompt)
    text = " ".join(words)
    error = _structure_error(text, is_remix=is_remix)
    if error or skip:
        return Checked(text, error)
    if word := banned.first_in(text):
        return Checked("", sentence("Banned Prompt: {word}", word=word))
    error = _parameter_error(words, text, extra_parameters)
    wrong_url = image_urls.error_in(words)
    if error:
        return Checked(text, wrong_url or error)
    used, aspect_ratio = parameters.cut(words)
    return Checked(" ".join(used), wrong_url, aspect_ratio)


def _structure_error(text: str, *, is_remix: bool) -> str:
    if not text and not is_remix:
        return EMPTY
    if is_parameter(text):
        return ONLY_PARAMETERS
    return TOO_LONG if len(text.encode()) > MAX_BYTES else ""


def _parameter_error(words: list[str], text: str, extra: Collection[str]) -> str:
    if "{" in text or "}" in text:
        return PERMUTATION
    return parameters.error_in(words, extra=extra)
