"""What to ask of a Midjourney bridge for each task type: the call, its body, and the form that a button may open.

Of a follow-up the bridge must be told which button under the parent's picture to press. A bridge that shows none knows
only U1-U4, V1-V4 and reroll, in a call of its own ("change").

A new prompt for a follow-up goes into the form that the pressed button opens. Two cases need no form: a reroll with a
new prompt is an imagine, and a zoom with one is a custom zoom, which always asks.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core import media
from apps.providers import midjourney_buttons
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Work,
)

Why = ProviderRefused.Why

MODES = ("relax", "fast", "turbo")
_MODE_FLAG = re.compile(r"(?:^|(?<=\s))(?:--|—)(?:relax|fast|turbo)(?=\s|$)", re.IGNORECASE)
_ASPECT = re.compile(
    r"(?:^|(?<=\s))(?:--|—)(?:ar|aspect)(?:\s+[\d.:]{1,12})?(?=\s|$)", re.IGNORECASE
)
_REPEAT = re.compile(r"(?:^|(?<=\s))(?:--|—)(?:repeat|r)(?:\s+\d{1,3})?(?=\s|$)", re.IGNORECASE)
_ZOOM = re.compile(r"(?:^|(?<=\s))(?:--|—)zoom(?:\s+[\d.]{1,6})?(?=\s|$)", re.IGNORECASE)
_ZOOMS = {1.0: "outpaint_square", 1.5: "outpaint_1.5x", 2.0: "outpaint_2x"}


@dataclass(frozen=True)
class Asked:
    """One call below `/mj/submit/`.

    `form` is what to fill in where the call opens a form; `needs_form`: without one the bridge does something else than
    it is asked, for the new prompt has nowhere to go.
    """

    call: str
    body: Mapping[str, Any]
    form: Mapping[str, Any] = field(default_factory=dict)
    needs_form: bool = False


def asked(work: Work, access: Access) -> Asked:
    """The call that starts this work. Raises ProviderRefused for what the parent's picture does not offer."""
    made = _MAKERS.get(work.job)
    if made is None:
        raise ProviderUnavailable(f"A bridge does nothing called {work.job!r}.")
    found = made(work, access)
    common = _common(work, access)
    return Asked(found.call, {**found.body, **common}, _form(found.form, common), found.needs_form)


def prefix(work: Work, access: Access) -> str:
    """Where its calls begin: some bridges take the mode by the path."""
    by_path = work.mode in MODES and bool(access.config.get("mode_paths"))
    return f"/mj-{work.mode}/mj" if by_path else "/mj"


def parent_id(work: Work) -> str:
    """The bridge's id of the task that this one continues. Raises ProviderRefused."""
    known = work.parent.get("id")
    if not (isinstance(known, str) and known):
        raise ProviderRefused("The bridge does not know the task to continue.", why=Why.INVALID)
    return known


def with_mode(prompt: str, mode: str) -> str:
    """The prompt with this mode's flag at its end, and no other. One task is one job: it is not repeated there."""
    once = _REPEAT.sub(" ", prompt) if _REPEAT.search(prompt) else prompt
    return _ended(_MODE_FLAG.sub(" ", once), f"--{mode}") if mode in MODES else once.strip()


def with_aspect(prompt: str, ratio: Any) -> str:
    """The prompt with this aspect ratio instead of its own; as it is where none is given."""
    return _ended(_ASPECT.sub(" ", prompt), f"--ar {ratio}") if ratio else prompt


def _ended(prompt: str, flag: str) -> str:
    return f"{' '.join(prompt.split())} {flag}".strip()


def _common(work: Work, access: Access) -> dict[str, Any]:
    """`state` comes back with the task, so a submit whose answer was lost is found by it."""
    common: dict[str, Any] = {"state": work.reference}
    if work.callback_url:
        common["notifyHook"] = work.callback_url
    wanted: dict[str, Any] = {}
    if instance := access.config.get("instance_id"):
        wanted["instanceId"] = str(instance)
    if work.mode in MODES and not access.config.get("mode_paths"):
        wanted["modes"] = [work.mode.upper()]
    if wanted:
        common["accountFilter"] = wanted
    return common


def _form(form: Mapping[str, Any], common: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**form, **common} if form else {}


# -------------------------------------------------------------------------------------- new pictures


def _imagine(work: Work, access: Access) -> Asked:
    prompt = with_aspect(str(work.input.get("prompt", "")), work.input.get("aspect_ratio"))
    return Asked("imagine", {"prompt": with_mode(prompt, work.mode), "base64Array": []})


def _describe(work: Work, access: Access) -> Asked:
    return Asked("describe", {"base64": _inline(work.input.get("image_url"))})


def _blend(work: Work, access: Access) -> Asked:
    pictures = work.input.get("image_urls") or []
    shape = str(work.input.get("dimension") or "square").upper()
    return Asked("blend", {"base64Array": [_inline(one) for one in pictures], "dimensions": shape})


def _inline(value: Any) -> str:
    """A data URI, also of what came as plain base64."""
    text = value if isinstance(value, str) else ""
    if media.is_url(text):
        raise AccountNeedsOwner(
            'A bridge takes pictures inline only: take "media": "url" out of the options.',
            need=Need.SETUP,
        )
    try:
        data = media.inline_bytes(text)
    except media.MediaError as error:
        raise ProviderRefused(str(error), why=Why.INVALID) from None
    found = media.sniff(data)
    kind = found.content_type if found else "image/png"
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


# ----------------------------------------------------------------------------------------- follow-ups


def _upscale(work: Work, access: Access) -> Asked:
    index = str(work.input.get("index", ""))
    if index in ("1", "2", "3", "4"):
        return _numbered(work, access, "upscale", index)
    return _pressed(work, f"upscale_{index}")


def _variation(work: Work, access: Access) -> Asked:
    index = str(work.input.get("index", ""))
    if index in ("1", "2", "3", "4"):
        return _numbered(work, access, "variation", index)
    return _pressed(work, index)


def _numbered(work: Work, access: Access, deed: str, index: str) -> Asked:
    if _has_buttons(work, access):
        return _pressed(work, f"{deed}{index}")
    if work.input.get("prompt"):
        raise ProviderRefused("This bridge takes no new prompt for a variation.", why=Why.INVALID)
    body = {"taskId": parent_id(work), "action": deed.upper(), "index": int(index)}
    return Asked("change", body)


def _reroll(work: Work, access: Access) -> Asked:
    given, ratio = str(work.input.get("prompt") or ""), work.input.get("aspect_ratio")
    if given or ratio:
        prompt = with_aspect(given or _prompt_of(work), ratio)
        return Asked("imagine", {"prompt": with_mode(prompt, work.mode), "base64Array": []})
    if _has_buttons(work, access):
        return _pressed(work, "reroll")
    return Asked("change", {"taskId": parent_id(work), "action": "REROLL"})


def _inpaint(work: Work, access: Access) -> Asked:
    made = _pressed(work, "inpaint")
    form = {**made.form, "maskBase64": _inline(work.input.get("mask"))}
    # Without the mask nothing would be painted anew.
    return Asked(made.call, made.body, form, needs_form=True)


def _outpaint(work: Work, access: Access) -> Asked:
    ratio = float(work.input.get("zoom_ratio") or 2)
    is_plain = not (work.input.get("prompt") or work.input.get("aspect_ratio"))
    action = _ZOOMS.get(ratio, "")
    if is_plain and action and midjourney_buttons.custom_id(work.parent.get("buttons"), action):
        return _pressed(work, action)
    made = _pressed(work, "outpaint_custom")
    shape = "1:1" if ratio == 1 else work.input.get("aspect_ratio")
    prompt = _ended(_ZOOM.sub(" ", with_aspect(_new_prompt(work), shape)), f"--zoom {ratio:g}")
    form = {**made.form, "prompt": with_mode(prompt, work.mode)}
    return Asked(made.call, made.body, form, needs_form=True)


def _pan(work: Work, access: Access) -> Asked:
    return _pressed(work, f"pan_{work.input.get('direction', '')}")


def _pressed(work: Work, action: str) -> Asked:
    """A press of the button that does it. An account in remix mode is asked for a prompt by any of them."""
    try:
        button = midjourney_buttons.custom_id(work.parent.get("buttons"), action)
    except KeyError:
        button = ""
    if not button:
        raise ProviderRefused(f"The picture does not offer {action or 'that'}.", why=Why.INVALID)
    prompt = _new_prompt(work)
    form = {"prompt": with_mode(prompt, work.mode) if prompt else ""}
    body = {"taskId": parent_id(work), "customId": button}
    return Asked("action", body, form, needs_form=bool(work.input.get("prompt")))


def _has_buttons(work: Work, access: Access) -> bool:
    wanted = access.config.get("actions", "auto")
    return wanted == "action" or (wanted != "change" and bool(work.parent.get("buttons")))


def _new_prompt(work: Work) -> str:
    return str(work.input.get("prompt") or "") or str(work.parent.get("prompt") or "")


def _prompt_of(work: Work) -> str:
    known = str(work.parent.get("prompt") or "")
    if not known:
        raise ProviderRefused("The picture's prompt is not known: give one.", why=Why.INVALID)
    return known


_MAKERS: Mapping[str, Callable[[Work, Access], Asked]] = {
    "imagine": _imagine,
    "describe": _describe,
    "blend": _blend,
    "upscale": _upscale,
    "variation": _variation,
    "reroll": _reroll,
    "inpaint": _inpaint,
    "outpaint": _outpaint,
    "pan": _pan,
}
