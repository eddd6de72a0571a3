"""These servers never get into the platform."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def imported(source: str) -> Iterator[str]:
    """Every module name that the source imports, at whatever depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def platform_files() -> list[Path]:
    return [*ROOT.glob("apps/**/*.py"), *ROOT.glob("config/**/*.py"), ROOT / "manage.py"]


def test_the_platform_imports_no_test():
    offenders = [
        path.relative_to(ROOT).as_posix()
        for path in platform_files()
        if any(name.split(".")[0] == "tests" for name in imported(path.read_text()))
    ]

    assert len(platform_files()) > 100
    assert offenders == []


def test_the_search_sees_an_import_inside_a_function():
    source = "def serve():\n    from tests.upstream import provider\n    import tests"

    assert list(imported(source)) == ["tests.upstream", "tests"]
