"""The bridge as a test talks to it, on a thread of the test or in a process of its own."""

from typing import Any
from urllib.parse import quote

from tests.upstream.running import Remote


class RunningBridge(Remote):
    """A scripted bridge. Any secret but "bad" is right."""

    def knobs(self, **values: Any) -> dict[str, Any]:
        """Turn some (tests/bridge/behaviour.py names them); all as they are now."""
        found: dict[str, Any] = self.ask("POST", "/_knobs", values)
        return found

    def seen(self, state: str) -> dict[str, Any]:
        """submits, fetches, cancels, task_ids and modes of one state (our reference)."""
        found: dict[str, Any] = self.ask("GET", f"/_seen?state={quote(state)}")
        return found

    def states(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.ask("GET", "/_seen")["states"]
        return found

    def totals(self) -> dict[str, int]:
        """states, tasks, submits and duplicates (work done twice)."""
        found: dict[str, int] = self.ask("GET", "/_seen")["totals"]
        return found

    def tasks(self) -> list[dict[str, Any]]:
        """id, action, prompt, state, mode, status, index, parent and the bodies that were sent, in order."""
        found: list[dict[str, Any]] = self.ask("GET", "/_tasks")
        return found

    def finish(self) -> None:
        """Whatever it works on is done at once."""
        self.ask("POST", "/_finish")

    def age(self, task_id: str, share: float) -> None:
        """Of one task so much is done, 0 to 1, as if the time had passed."""
        self.ask("POST", "/_age", {"id": task_id, "share": share})
