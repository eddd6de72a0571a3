"""`python -m tests.faults`: shoot at the whole platform, then prove that nothing was lost."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import proof
from tests.faults.faults import Counts
from tests.faults.run import Size, run


def main() -> int:
    options = _options()
    counts = Counts(options.kills, options.flushes, options.db, options.restarts)
    size = Size(tasks=options.tasks, late=options.tasks // 100, seed=options.seed, counts=counts)
    folder = Path(tempfile.mkdtemp(prefix="modelyard-faults-"))
    began = time.monotonic()
    report = run(
        size=size,
        folder=folder,
        say=lambda text: _print(f"{time.monotonic() - began:6.1f} s  {text}"),
    )
    for name, value in report.figures.items():
        _print(f"{name:20} {value}")
    _print(f"\n{proof.table(report.verdicts)}")
    if report.is_clean and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _print(f"\nThe database and all logs are kept in {folder} (logs in {folder}/log).")
    if options.json:
        _print(json.dumps(report.figures | {"clean": report.is_clean}))
    return 0 if report.is_clean else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run faults", description=__doc__)
    for name, default, what in (
        ("tasks", 2_000, "tasks that customers send meanwhile"),
        ("kills", 100, "kill -9 of a random process"),
        ("flushes", 10, "FLUSHALL of Valkey"),
        ("db", 5, "kill -9 of the database server"),
        ("restarts", 3, "kill -9 of everything, and a new start"),
        ("seed", 1, "the same seed plans the same faults"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{what} ({default})")
    parser.add_argument("--json", action="store_true", help="print the figures as the last line")
    parser.add_argument("--keep", action="store_true", help="keep the folder also after a success")
    return parser.parse_args()


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command's output


if __name__ == "__main__":
    sys.exit(main())
