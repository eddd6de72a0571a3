"""Processes as the kernel shows them."""

import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


def descendants(root: int) -> dict[int, str]:
    """Everything below `root`, itself not included: process number and command line."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name in the second field may hold anything, brackets too.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                children[int(fields[1])].append(int(entry.name))
    found, left = {}, [root]
    while left:
        for pid in children[left.pop()]:
            left.append(pid)
            found[pid] = command_line(pid)
    return found


def command_line(pid: int) -> str:
    """With blanks between the arguments; "" for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a dead process that nobody has buried yet does not."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
    return found


def kill(pid: int) -> bool:
    """kill -9. False when it was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
