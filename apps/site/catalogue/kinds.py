"""What models make, as the catalogue sorts them: tasks and models of the LLM lane side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.catalog.llm.model import LlmKind
from apps.catalog.spec import OutputKind


@dataclass(frozen=True)
class Kind:
    """`value` is the word of the query string, `english` what people read, `icon` a drawing of static/icons.svg."""

    value: str
    english: str
    icon: str

    @property
    def word(self) -> str:
        """What people read, in the language of the page."""
        return _(self.english)


IMAGE = Kind("image", gettext_noop("Images"), "photo")
VIDEO = Kind("video", gettext_noop("Video"), "video")
AUDIO = Kind("audio", gettext_noop("Music and speech"), "music")
MODEL_3D = Kind("3d", "3D", "cube")
TEXT = Kind("text", gettext_noop("Text from media"), "file-text")
LLM = Kind("llm", gettext_noop("Language models"), "messages")
VECTOR = Kind("embedding", gettext_noop("Embeddings, moderation"), "list-details")

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.value: kind for kind in (IMAGE, VIDEO, AUDIO, MODEL_3D, TEXT, LLM, VECTOR)}
)
OF_TASK: Mapping[OutputKind, Kind] = MappingProxyType(
    {
        OutputKind.IMAGE: IMAGE,
        OutputKind.VIDEO: VIDEO,
        OutputKind.AUDIO: AUDIO,
        OutputKind.MODEL_3D: MODEL_3D,
        OutputKind.TEXT: TEXT,
    }
)
OF_LLM: Mapping[LlmKind, Kind] = MappingProxyType(
    {
        LlmKind.CHAT: LLM,
        LlmKind.EMBEDDING: VECTOR,
        LlmKind.MODERATION: VECTOR,
        LlmKind.IMAGE: IMAGE,
        LlmKind.SPEECH: AUDIO,
        LlmKind.TRANSCRIPTION: TEXT,
    }
)
