"""Where this machine's Chromium is."""

import os
import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """Its path: what `CHROMIUM` says, else what is installed; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
