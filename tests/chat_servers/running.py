"""The stand-ins as a test talks to them, on a thread of the test or in a process of their own."""

from typing import Any

from tests.upstream.running import Remote


class ChatServers(Remote):
    """OpenAI's interface at `{url}`, Anthropic's and Google's too. Any key but "bad" is right."""

    def knobs(self, **values: Any) -> dict[str, Any]:
        """Turn some (tests/chat_servers/server.py names them); all as they are now."""
        found: dict[str, Any] = self.ask("POST", "/_knobs", values)
        return found

    def seen(self) -> list[dict[str, Any]]:
        """What came in, in order: path and body."""
        found: list[dict[str, Any]] = self.ask("GET", "/_seen")
        return found
