"""The local model server as `./run up` starts it."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config import up_models
from config.embedded import socket_directory
from config.embedded_binaries import CannotStart
from config.supervisor import Supervisor


@pytest.fixture(autouse=True)
def _leave_nothing(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(socket_directory(data_dir=tmp_path), ignore_errors=True)  # it may lie elsewhere


def ask(told: dict[str, str]) -> object:
    way = httpx.HTTPTransport(uds=told["LOCAL_MODELS_SOCKET"])
    with httpx.Client(transport=way, base_url=told["LOCAL_MODELS_URL"], timeout=60) as client:
        return client.get("/healthz").json()


def test_server_answers_on_a_private_socket_and_again_after_a_crash(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    supervisor = Supervisor(log_dir=tmp_path / "log")
    with up_models.listen(data_dir=tmp_path) as listener:
        told = up_models.environment(listener)
        path = Path(told["LOCAL_MODELS_SOCKET"])
        assert path == socket_directory(data_dir=tmp_path) / "models.sock"
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        idle = {"status": "ok", "chat_is_loaded": False, "chat_slots": {"busy": 0, "waiting": 0}}
        try:
            supervisor.start(up_models.program(listener))
            assert ask(told) == idle
            first = supervisor.pid("models")
            os.kill(first, signal.SIGKILL)
            while supervisor.pid("models") == first:
                supervisor.check()
            assert ask(told) == idle
        finally:
            supervisor.stop()


def test_server_of_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_MODELS_URL", raising=False)
    monkeypatch.delenv("LOCAL_MODELS_SOCKET", raising=False)
    assert up_models.is_wanted()
    monkeypatch.setenv("LOCAL_MODELS_URL", "http://models.example")
    assert not up_models.is_wanted()


def test_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = socket_directory(data_dir=tmp_path)
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(CannotStart, match="is open to others"):
        up_models.listen(data_dir=tmp_path)
