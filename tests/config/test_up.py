"""`./run up` as a newcomer meets it: an empty folder, one command, a real result."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.config.test_embedded import PROJECT, processes_of

LAST_LINE = "  Ctrl-C stops everything.\n"


def command(data_dir: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "DATA_DIR": str(data_dir),
        "PORT": str(port),
    }
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def output_until_ready(up: subprocess.Popen[str]) -> str:
    lines = []
    for line in up.stdout or ():
        lines.append(line)
        if line == LAST_LINE:
            break
    return "".join(lines)


def test_up_brings_a_real_result_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    with command(tmp_path, port, "config.up") as up:
        output = output_until_ready(up)
        found = re.search(r"^  Result     (\S+)\n  Cost       \$0\.001 ", output, re.MULTILINE)
        assert found, output
        picture = httpx.get(found[1], trust_env=False)
        assert picture.content.startswith(b"\x89PNG")

        with command(tmp_path, free_port(), "config.up") as second:
            answer = second.communicate(timeout=30)[0]
        assert f"already runs on {tmp_path} at http://127.0.0.1:{port} " in answer
        assert second.returncode == 1

        audit = ("config.embedded_run", "--", sys.executable, "manage.py", "audit_credits")
        with command(tmp_path, port, *audit) as audited:
            report = audited.communicate(timeout=60)[0]
        assert audited.returncode == 0, report

        up.terminate()
        up.communicate(timeout=30)
    assert (up.returncode, processes_of(tmp_path)) == (0, set())
