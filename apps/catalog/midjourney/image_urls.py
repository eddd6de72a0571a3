"""The pictures a prompt names by address: at its front, and after --sref and --cref."""

from collections.abc import Sequence
from itertools import takewhile

from apps.catalog.midjourney.parameters import parameters_in
from apps.catalog.midjourney.words import holds_url, is_url, url_and_weight, words_of
from apps.core.sentences import sentence

POSITION = sentence(
    "Invalid image prompt position, image prompt should go at the front of a prompt."
    " You can get more details at https://docs.midjourney.com/docs/image-prompts"
)
ALONE = sentence(
    "Invalid prompt parts, prompts must have two images or one image and text to work."
    " You can get more details at https://docs.midjourney.com/docs/image-prompts"
)
CONTENT_TYPE = sentence(
    "Invalid image content type, file should end in .png, .gif, .webp, .jpg, or .jpeg."
    " You can get more details at https://docs.midjourney.com/docs/image-prompts"
)
_ENDINGS = (".png", ".gif", ".webp", ".jpg", ".jpeg")


def error_in(words: list[str]) -> str:
    """The message of the first rule that an address breaks; "" where all are good."""
    front = len(list(takewhile(is_url, words)))
    parameters = list(parameters_in(words))
    owned = {at for found in parameters for at in range(found.at, found.at + len(found.words) + 1)}
    allowed = set(range(front)).union(
        *(
            range(found.at, found.at + len(found.words) + 1)
            for found in parameters
            if found.name in ("sref", "cref")
        )
    )
    if any(holds_url(word) and at not in allowed for at, word in enumerate(words)):
        return POSITION
    if front == 1 and len(owned) == len(words) - 1:
        return ALONE
    bad = next((url for url in _addresses(words) if not url.lower().endswith(_ENDINGS)), "")
    return sentence("{problem} url: {url}", problem=CONTENT_TYPE, url=bad) if bad else ""


def _addresses(words: Sequence[str]) -> list[str]:
    return [url_and_weight(word)[0] for word in words if is_url(word)]


def urls_to_head(prompt: str) -> list[str]:
    """Each address once, without its weight, in the prompt's order: for whoever may ask if it is there."""
    return list(dict.fromkeys(_addresses(words_of(prompt))))


def head_error(*, url: str, code: int) -> str:
    """What a prompt is refused with when HEAD of the address answered so; "" where it is there."""
    if 200 <= code < 300:
        return ""
    return sentence("Invalid image url. url: {url}, head code: {code}", url=url, code=code)
