"""Scripts import each other by relative paths: pages have no import map, and hashed names are not put into scripts."""

import re
from pathlib import Path

from django.conf import settings

STATIC = Path(settings.BASE_DIR) / "static"
_IMPORT = re.compile(r"""^(?:import|export|\})[^;\n]*?from\s*["']([^"']+)["']""", re.MULTILINE)


def test_what_a_module_imports_is_there() -> None:
    modules = [STATIC / "js/model-viewer.js", *sorted((STATIC / "vendor/three").rglob("*.js"))]
    found = [(path, name) for path in modules for name in _IMPORT.findall(path.read_text())]

    missing = [
        (path.name, name)
        for path, name in found
        if not name.startswith(".") or not (path.parent / name).is_file()
    ]

    assert missing == []
    assert {path for path, _ in found} == set(modules) - {STATIC / "vendor/three/three.core.min.js"}
