"""`python -m bench [name] [--json]`: run one benchmark, or all of them."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

_NAMES = ["create", "history", "flow", "memory"]


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=_NAMES)
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON, as the last line"
    )
    options = parser.parse_args()
    names = [options.name] if options.name else _NAMES
    figures = {name: _run(name) for name in names}
    for name, found in figures.items():
        for key, value in found.items():
            print(f"{name:8} {key:24} {value}")
    if options.json:
        print(json.dumps(figures[names[0]] if options.name else figures))
    return 0


def _run(name: str) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the settings module is chosen above

    django.setup()
    module = __import__(f"bench.{name}", fromlist=["run"])
    run: Callable[[], dict[str, Any]] = module.run
    return run()


if __name__ == "__main__":
    sys.exit(main())
