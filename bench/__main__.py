"""`python -m bench [name] [--json]`: run one benchmark, or all of them."""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

_MODULES = {
    "create": "bench.create",
    "history": "bench.history",
    "usage": "bench.usage",
    "pages": "bench.pages",
    "flow": "bench.flow",
    "memory": "bench.memory",
    "llm": "bench.llm.run",
}


def main() -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=_MODULES)
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON, as the last line"
    )
    parser.add_argument(
        "--quick", action="store_true", help="llm only: a minute that measures nothing well"
    )
    options = parser.parse_args()
    if options.quick and options.name != "llm":
        parser.error("--quick is for llm.")
    names = [options.name] if options.name else list(_MODULES)
    figures = {name: _run(name, {"quick": True} if options.quick else {}) for name in names}
    for name, found in figures.items():
        for key, value in found.items():
            if not isinstance(value, list):  # a table, which was printed as it grew
                print(f"{name:8} {key:28} {value}")
    if options.json:
        print(json.dumps(figures[names[0]] if options.name else figures))
    return 0


def _run(name: str, options: dict[str, Any]) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the settings module is chosen above

    django.setup()
    run: Callable[..., dict[str, Any]] = importlib.import_module(_MODULES[name]).run
    return run(**options)


if __name__ == "__main__":
    sys.exit(main())
