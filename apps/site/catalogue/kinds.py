"""What models make, as the catalogue sorts them: tasks and models of the LLM lane side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from apps.catalog.llm.model import LlmKind
from apps.catalog.spec import OutputKind


@dataclass(frozen=True)
class Kind:
    """`value` is the word of the query string, `word` what people read, `icon` a drawing of static/icons.svg."""

    value: str
    word: str
    icon: str


IMAGE = Kind("image", "Images", "photo")
VIDEO = Kind("video", "Video", "video")
AUDIO = Kind("audio", "Music and speech", "music")
MODEL_3D = Kind("3d", "3D", "cube")
TEXT = Kind("text", "Text from media", "file-text")
LLM = Kind("llm", "Language models", "messages")
VECTOR = Kind("embedding", "Embeddings, moderation", "list-details")

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
