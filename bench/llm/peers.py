"""The two gateways to compare with, in the versions below, installed once into a scratch folder.

Each is started as its own documentation says for production, on one process as is its default, and with nothing to
slow it down: no database, no limits, no logs. Portkey's checks no key; LiteLLM's, which does not start without one,
compares it with the one in its settings.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.llm.processes import Place, Program, free_port

PORTKEY_VERSION = "1.15.2"
# The last with which it streams: its issue 1389. npm alone would take a newer one.
_HONO_NODE_SERVER = "@hono/node-server@1.14.1"
# Never 1.82.7, 1.82.8 or 1.107.0: somebody else published these, with a thief of credentials inside.
LITELLM_VERSION = "1.106.2"

_FOLDER = Path(__file__).resolve().parents[2] / "var" / "bench"
_INSTALL_SECONDS = 600
# The Python that .venv was made of.
_BASE = Path(getattr(sys, "_base_executable", sys.executable))


class Missing(Exception):
    """A peer that cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Target:
    """Something that answers chat completions."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    program: Program | None = field(default=None, repr=False)


@contextlib.contextmanager
def portkey(place: Place, mock_port: int) -> Iterator[Target]:
    """Portkey's gateway with the mock as the host of OpenAI, without its console."""
    script = _installed_portkey()
    if not place.prefix:
        raise Missing(
            f"it listens on every interface and gets no network of its own: {place.reason}"
        )
    port = free_port()
    command = ["node", str(script), f"--port={port}", "--headless"]
    headers = {
        "Authorization": "Bearer sk-bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{mock_port}/v1",
    }
    with place.running(command, environment=_environment(NODE_ENV="production")) as program:
        yield Target(port, headers, program)


@contextlib.contextmanager
def litellm(place: Place, mock_port: int) -> Iterator[Target]:
    """LiteLLM's proxy with the mock as the only model. It has no database, so it books nothing."""
    python = _installed_litellm()
    port = free_port()
    model = {
        "model_name": "gpt-4o-mini",
        "litellm_params": {
            "model": "openai/gpt-4o-mini",
            "api_base": f"http://127.0.0.1:{mock_port}/v1",
            "api_key": "sk-bench",
        },
    }
    configuration = _FOLDER / "litellm.json"  # JSON is YAML
    key = f"sk-{secrets.token_hex(32)}"
    general = {"master_key": key}
    configuration.write_text(json.dumps({"model_list": [model], "general_settings": general}))
    command = [
        str(python.parent / "litellm"),
        "--config",
        str(configuration),
        "--host",
        "127.0.0.1",
    ]
    # Without these it asks the internet for prices when it starts, and writes a line for each request.
    environment = _environment(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")
    with place.running([*command, "--port", str(port)], environment=environment) as program:
        yield Target(port, {"Authorization": f"Bearer {key}"}, program)


def _environment(**more: str) -> dict[str, str]:
    """Not ours: LiteLLM would take our database for its own."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def _installed_portkey() -> Path:
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Missing(f"there is no {tool} on this machine")
    folder = _FOLDER / "portkey"
    package = folder / "node_modules" / "@portkey-ai" / "gateway"
    if _version_of_portkey(package) != PORTKEY_VERSION:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [f"@portkey-ai/gateway@{PORTKEY_VERSION}", _HONO_NODE_SERVER]
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps"]
        _try([["npm", "install", *options, "--prefix", str(folder), *wanted]])
    if (found := _version_of_portkey(package)) != PORTKEY_VERSION:
        raise Missing(f"npm installed version {found}, not {PORTKEY_VERSION}")
    return package / "build" / "start-server.js"


def _version_of_portkey(package: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return str(json.loads((package / "package.json").read_text())["version"])
    return ""


def _installed_litellm() -> Path:
    """Its Python, which is the same as ours: they are not all equally fast."""
    folder = _FOLDER / "litellm"
    python = folder / "bin" / "python"
    if _version_of_litellm(python) != LITELLM_VERSION or python.resolve() != _BASE.resolve():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = f"litellm[proxy]=={LITELLM_VERSION}"
        _try(*_ways_to_install(folder, python, wanted))
    if (found := _version_of_litellm(python)) != LITELLM_VERSION:
        raise Missing(f"the package index gave version {found}, not {LITELLM_VERSION}")
    return python


def _ways_to_install(folder: Path, python: Path, wanted: str) -> Iterator[list[list[str]]]:
    """By uv if ./run has it, else by pip, which may know another package index."""
    uv = Path(__file__).resolve().parents[2] / ".boot" / "bin" / "uv"
    if uv.exists():
        make = [str(uv), "venv", "--quiet", "--clear", "--python", str(_BASE), str(folder)]
        yield [make, [str(uv), "pip", "install", "--quiet", "--python", str(python), wanted]]
    make = [str(_BASE), "-m", "venv", "--clear", str(folder)]
    yield [make, [str(python), "-m", "pip", "install", "--quiet", wanted]]


def _version_of_litellm(python: Path) -> str:
    code = "import importlib.metadata as m; print(m.version('litellm'))"
    with contextlib.suppress(FileNotFoundError):
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        return found.stdout.strip()
    return ""


def _try(*ways: Sequence[Sequence[str]]) -> None:
    """The first way all of whose commands succeed."""
    reason = ""
    for commands in ways:
        try:
            for command in commands:
                subprocess.run(
                    command, capture_output=True, text=True, check=True, timeout=_INSTALL_SECONDS
                )
        except subprocess.CalledProcessError as error:
            reason = " ".join((error.stderr or error.stdout).split())[:300]
        except (subprocess.TimeoutExpired, OSError) as error:
            reason = str(error)
        else:
            return
    raise Missing(f"it could not be installed: {reason}")


PEERS: dict[str, Callable[[Place, int], contextlib.AbstractContextManager[Target]]] = {
    "portkey": portkey,
    "litellm": litellm,
}
