"""The weight files beside this module, each checked against our own list of hashes."""

import hashlib
import threading
from pathlib import Path

from apps.providers.local.base import EngineUnavailable


class WeightStore:
    """A folder with a `SHA256SUMS` (as `sha256sum` writes it) and the files it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checked: dict[str, Path] = {}
        self._lock = threading.Lock()

    def has(self, name: str) -> bool:
        """Whether the file is there; its content is checked only when it is used."""
        return (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        """The file's path, after its hash was found right (read once per process).

        Raises `EngineUnavailable`, naming the file, when it is absent, unlisted or altered.
        """
        with self._lock:
            if name not in self._checked:
                self._checked[name] = self._check(name)
            return self._checked[name]

    def _check(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise EngineUnavailable(f"The local engine's weight file {name} is missing.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self._sums().get(name):
            raise EngineUnavailable(
                f"The local engine's weight file {name} is not the one we ship."
            )
        return path

    def _sums(self) -> dict[str, str]:
        lines = (self.folder / "SHA256SUMS").read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


WEIGHTS = WeightStore(Path(__file__).parent / "weights")
