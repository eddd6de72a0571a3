"""`.env.example` promises to list every setting, so it is compared with what the code reads."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
READ = re.compile(r'env\.(?:text|flag|number|names|networks|database_url)\(\s*"([A-Z0-9_]+)"')
DOCUMENTED = re.compile(r"^#?([A-Z0-9_]+)=", re.MULTILINE)
SHELL = re.compile(r"\$\{([A-Z0-9_]+):-")
# Read in another way: by the f-string of the sign-in providers, and before Django is there.
READ_OTHERWISE = {
    f"{name}_CLIENT_{part}" for name in ("GITHUB", "GOOGLE") for part in ("ID", "SECRET")
} | {
    "PORT",
    "PG_BIN",
    "VALKEY_BIN",
    "TEST_DATABASE_URL",
    "TEST_REDIS_URL",
}


def test_env_example_lists_exactly_the_settings_that_are_read() -> None:
    settings = [
        name
        for path in (PROJECT / "config").glob("*.py")
        for name in READ.findall(path.read_text())
    ]
    processes = SHELL.findall((PROJECT / "Procfile").read_text())
    documented = DOCUMENTED.findall((PROJECT / ".env.example").read_text())
    assert sorted(documented) == sorted({*settings, *processes, *READ_OTHERWISE})
