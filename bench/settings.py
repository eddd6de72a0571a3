"""The real settings, with two differences: a URL for the floor, and no limit on how fast one key may ask."""

import os

os.environ["API_RATE_PER_MINUTE"] = "100000000"
os.environ.setdefault("LOG_LEVEL", "WARNING")

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
# The floor is an API answer too.
CONTENT_SECURITY_POLICY["EXCLUDE_URL_PREFIXES"] = [*API_PREFIXES, "/bench/"]  # noqa: F405
