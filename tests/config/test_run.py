"""The parts of `./run` and of `up` that need nothing installed and nothing running."""

import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from config.embedded_binaries import CannotStart
from config.up_preflight import listen, look_at_machine, look_at_servers
from config.up_task import dollars
from scripts.check_templates import problems

RUN = Path(__file__).resolve().parent.parent.parent / "run"


def test_help_names_every_verb(tmp_path: Path) -> None:
    done = subprocess.run([RUN, "help"], cwd=tmp_path, capture_output=True, text=True)
    verbs = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("./run ")]
    expected = [
        "up",
        "test",
        "screenshots",
        "walk",
        "check",
        "fmt",
        "translations",
        "bench",
        "faults",
        "manage",
        "lock",
        "setup",
    ]
    assert (done.returncode, verbs, done.stderr) == (0, expected, "")


def chosen(folder: Path, pythons: Mapping[str, str], **environment: str) -> str:
    """What `./run` says it would use, on a machine that has these: a Python's name, and what it says of itself."""
    for name, said in pythons.items():
        (folder / name).write_text(f"#!/bin/sh\n{said}\n")
        (folder / name).chmod(0o755)
    # All that it needs of the machine before it has found one.
    for tool in ("bash", "cat", "dirname"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    script = 'source "$1" help >/dev/null; find_python; echo "$found of ${pythons[*]}"'
    done = subprocess.run(
        ["bash", "-c", script, "-", RUN],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
    )
    return (done.stdout or done.stderr).strip()


SLOW, FAST, NONE = "echo no:/opt/slow", "echo yes:/usr/fast", "exit 1"


@pytest.mark.parametrize(
    ("pythons", "asked", "used"),
    [
        ({"python3": SLOW, "python3.12": FAST}, "", "/usr/fast of /opt/slow /usr/fast"),
        ({"python3": FAST, "python3.14": SLOW}, "", "/usr/fast of /usr/fast"),
        ({"python3": SLOW, "python3.13": NONE}, "", "/opt/slow of /opt/slow"),
        ({"python3": SLOW, "python3.12": FAST}, "python3", "/opt/slow of /opt/slow"),
        # One that would not do is passed over: it may be what the shell happens to have in PYTHON.
        ({"python2": NONE, "python3": FAST}, "python2", "/usr/fast of /usr/fast"),
    ],
)
def test_a_python_with_optimisations_is_preferred(
    tmp_path: Path, pythons: Mapping[str, str], asked: str, used: str
) -> None:
    assert chosen(tmp_path, pythons, PYTHON=asked) == used


def test_a_machine_without_a_python_is_told_what_to_install(tmp_path: Path) -> None:
    assert chosen(tmp_path, {"python3": NONE}).startswith("run: Python 3.11 to 3.14 is missing; ")


def test_unknown_verb_is_refused() -> None:
    done = subprocess.run([RUN, "deploy"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run: there is no verb 'deploy'\n")


def test_listen_refuses_a_port_in_use_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"^Port {port} cannot be used .* PORT={port + 1} "):
            listen(port=port)


def test_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"file/data cannot be created \(Not a directory\)"):
        look_at_machine(data_dir=tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://a@127.0.0.1:1/b"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("REDIS_URL", "nonsense"),
    ],
)
def test_server_that_does_not_answer_is_named(name: str, url: str) -> None:
    with pytest.raises(CannotStart, match=f"^{name}: the server does not answer: "):
        look_at_servers({name: url})


@pytest.mark.parametrize(
    ("points", "text"),
    [(0, "$0"), (1, "$0.0000001"), (10_000, "$0.001"), (10_000_000, "$1"), (25_000_000, "$2.5")],
)
def test_dollars_are_exact(points: int, text: str) -> None:
    assert dollars(points) == text


@pytest.mark.parametrize(
    "bad",
    [
        '<a hx-on:click="x()">',
        "<a hx-vals='js:{a: 1}'>",
        '<a hx-trigger="keyup[key==1]">',
        '<p style="color: red">',
        "<style>p {}</style>",
        "<script>x()</script>",
        '<a onclick="x()">',
        '<a href="javascript:x()">',
    ],
)
def test_template_that_a_strict_policy_breaks_is_refused(bad: str) -> None:
    assert [line for line, _ in problems(f"<p>\n{bad}")] == [2]


@pytest.mark.parametrize(
    "good",
    [
        '<a hx-trigger="keyup delay:200ms" hx-vals=\'{"a": 1}\' data-style="x">',
        '<script src="{% static "js/app.js" %}" defer></script>',
        '<script type="application/json" id="x">{}</script>',
        '{# style="x" #}<!-- <script>x()</script> -->',
        '<label for="one">style = free</label>',
    ],
)
def test_template_that_a_strict_policy_allows_passes(good: str) -> None:
    assert list(problems(good)) == []
