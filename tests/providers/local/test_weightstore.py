from pathlib import Path

import pytest

from apps.providers.local.base import EngineUnavailable
from apps.providers.local.weightstore import WEIGHTS, WeightStore

# printf weights | sha256sum
SUM = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"


def store(folder: Path, digest: str) -> WeightStore:
    (folder / "net.onnx").write_bytes(b"weights")
    (folder / "SHA256SUMS").write_text(f"{digest}  net.onnx\n")
    return WeightStore(folder)


def test_weightstore_gives_the_path_of_a_file_with_the_right_hash(tmp_path: Path) -> None:
    assert store(tmp_path, SUM).path("net.onnx") == tmp_path / "net.onnx"


def test_weightstore_refuses_an_altered_file_by_name(tmp_path: Path) -> None:
    altered = store(tmp_path, SUM)
    (tmp_path / "net.onnx").write_bytes(b"weightz")
    with pytest.raises(
        EngineUnavailable, match=r"^The local engine's weight file net\.onnx is not"
    ):
        altered.path("net.onnx")


def test_weightstore_refuses_an_unlisted_file(tmp_path: Path) -> None:
    weights = store(tmp_path, SUM)
    (tmp_path / "other.onnx").write_bytes(b"weights")
    with pytest.raises(EngineUnavailable, match=r"other\.onnx is not"):
        weights.path("other.onnx")


def test_weightstore_names_a_missing_file(tmp_path: Path) -> None:
    weights = store(tmp_path, SUM)
    (tmp_path / "net.onnx").unlink()
    assert weights.has("net.onnx") is False
    with pytest.raises(EngineUnavailable, match=r"net\.onnx is missing"):
        weights.path("net.onnx")


def test_weightstore_of_the_project_is_whole() -> None:
    named = {line.split()[1] for line in (WEIGHTS.folder / "SHA256SUMS").read_text().splitlines()}
    assert named == {path.name for path in WEIGHTS.folder.iterdir() if path.is_file()} - {
        "SHA256SUMS",
        "NOTICE.md",
    }
    assert {WEIGHTS.path(name).name for name in named} == named


def test_weightstore_credits_every_file() -> None:
    notice = (WEIGHTS.folder / "NOTICE.md").read_text()
    files = [path.name for path in WEIGHTS.folder.iterdir() if path.suffix not in (".md", ".bin")]
    assert [name for name in files if path_stem(name) not in notice] == []


def path_stem(name: str) -> str:
    return name.split(".")[0] if name != "SHA256SUMS" else name
