"""The family names of the public contract, and which of the catalog's they stand for."""

from apps.catalog import registry
from apps.core.errors import InvalidRequest

ALL = "all"
# Names that clients know, whether or not this installation has anything of the kind: nothing matches them then.
_KNOWN = frozenset(
    {
        "ace_step", "diffrhythm", "flux", "framepack", "gemini", "gpts", "hailuo", "hug_video", "hunyuan",
        "image_toolkit", "joycaption", "kling", "llm", "luma", "midjourney", "mmaudio", "omni_human", "qwen_image",
        "sd", "seedance", "seedream", "skyreels", "sora", "suno", "trellis", "tts", "udio", "veo", "video_toolkit",
        "wan", "wanx", "z_image",
    }
)  # fmt: skip
# Other names of the same, with the spellings that are in use.
_ALIASES = {
    "mj": "midjourney",
    "diffrythm": "diffrhythm",
    "music-s": "suno",
    "music-u": "udio",
}
_WIDER = {"wan": frozenset({"wan", "wanx"})}


def families_of(name: str, *, field: str) -> frozenset[str] | None:
    """The catalog's families behind a name; None for `all`. Raises InvalidRequest for a name that is none."""
    if name == ALL:
        return None
    family = _ALIASES.get(name, name)
    if family not in _KNOWN and family not in registry.families():
        raise InvalidRequest.field(field, "Give all or the name of a family, for example kling.")
    return _WIDER.get(family, frozenset({family}))
