"""A network of its own for everything that is measured: a loopback that nobody else hears, and no way out of it.

One of the peers listens on every interface of the machine and cannot be told otherwise. Inside, that is a loopback; and
nothing that is installed for the benchmark can call anywhere.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

from bench.llm.processes import Place, end
from config.supervisor import die_with_parent

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


@contextlib.contextmanager
def network() -> Iterator[Place]:
    """A place inside a network of its own, which ends with its last process; else this machine's, and why."""
    unshare, nsenter = shutil.which("unshare"), shutil.which("nsenter")
    if unshare is None or nsenter is None:
        yield Place(reason="there is no unshare or nsenter (util-linux) on this machine")
        return
    is_root = os.geteuid() == 0
    holder = subprocess.Popen(
        [unshare, "--net", *([] if is_root else ["--map-root-user"]), sys.executable, "-m", "bench.llm.namespace"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() == b"up\n":
            enter = [nsenter, "--target", str(holder.pid), "--net"]
            yield Place([*enter, *([] if is_root else ["--user", "--preserve-credentials"]), "--"])
        else:
            yield Place(reason=holder.stderr.read().decode().strip())
    finally:
        end(holder)


def _hold() -> None:
    """Inside: bring the loopback up, then keep the network for as long as the benchmark runs."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    print("up", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _hold()
