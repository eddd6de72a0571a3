"""What a Midjourney task shows: before it is done, and what its result is made into."""

from collections.abc import Callable
from typing import Any

_OF_GRID = (
    "reroll", *(f"upscale{n}" for n in range(1, 5)), *(f"variation{n}" for n in range(1, 5)),
)  # fmt: skip
_OF_PICTURE = (
    "upscale_subtle", "upscale_creative", "high_variation", "low_variation", "inpaint", "outpaint", "pan",
)  # fmt: skip
Output = dict[str, Any]


def no_picture_yet(_: Any) -> Output:
    return {
        "image_url": "",
        "image_urls": None,
        "temporary_image_urls": None,
        "discord_image_url": "",
        "actions": [],
        "progress": 0,
        "intermediate_image_urls": None,
    }


def picture(*, is_grid: bool) -> Callable[[Output], Output]:
    """A picture's output of what the provider or the engine gave: nothing is missing, and nothing else is there."""
    actions = list(_OF_GRID if is_grid else _OF_PICTURE)

    def shown(given: Output) -> Output:
        told = given.get("actions")
        made = no_picture_yet(None)
        made |= {name: given[name] for name in made if given.get(name) is not None}
        made |= {"progress": 100, "intermediate_image_urls": None}
        # Somebody else's list would name what we do not know.
        made["actions"] = [one for one in told if isinstance(one, str)][:50] if told else actions
        if "engine" in given:
            made["engine"] = given["engine"]
        return made

    return shown


def description(given: Output) -> Output:
    """Four prompts, as text and as a list."""
    text = str(given.get("description") or "")
    prompts = given.get("prompts") or [line for line in text.splitlines() if line.strip()]
    made: Output = {"description": text, "prompts": list(prompts)[:4]}
    return made | ({"engine": given["engine"]} if "engine" in given else {})
