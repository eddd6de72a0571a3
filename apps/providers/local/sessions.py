"""Loaded models: one of each per process, shared by its threads."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def threads() -> int:
    """Threads one model may use, from LOCAL_ENGINE_THREADS (2 where it is unset or senseless)."""
    try:
        return max(1, int(os.environ.get("LOCAL_ENGINE_THREADS", "2")))
    except ValueError:
        return 2


class Once(Generic[T]):
    """Makes a thing on first use, after a worker has forked; threads that come together wait."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


def onnx_session(path: Path) -> Any:
    """An ONNX session for the CPU; `run` on it may be called from several threads at once."""
    import onnxruntime  # noqa: PLC0415 - hundreds of milliseconds; only jobs that need it pay

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    # The arena never gives memory back: four requests at once left 1.4 GB behind.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
