"""The model server of the local engine: OpenAI's interface, without a key."""

from typing import ClassVar

from apps.providers import reach
from apps.providers.base import Access
from apps.providers.llm.base import Operation
from apps.providers.llm.openai import OpenAI

_SPOKEN = frozenset(
    {Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS, Operation.IMAGES, Operation.IMAGE_EDITS,
     Operation.SPEECH, Operation.TRANSCRIPTION, Operation.TRANSLATION, Operation.MODERATION}
)  # fmt: skip


class Local(OpenAI):
    """Where it listens is the caller's to say."""

    name: ClassVar[str] = "local"

    def speaks(self, operation: Operation, access: Access | None = None) -> bool:
        return operation in _SPOKEN

    def _url(self, access: Access, path: str) -> str:
        return reach.url(reach.trimmed(access, "/v1"), f"/v1{path}")

    def _headers(self, access: Access) -> dict[str, str]:
        return super()._headers(access) if access.credential else {}
