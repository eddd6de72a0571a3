"""The real settings, but for a URL for the floor, no limit on how fast one key may ask, and servers on this machine."""

import os

os.environ["API_RATE_PER_MINUTE"] = "100000000"
os.environ["EGRESS_ALLOW"] = "127.0.0.0/8"
os.environ.setdefault("LOG_LEVEL", "WARNING")

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
# As a release has them; bench.pages collects them.
STORAGES["staticfiles"]["BACKEND"] = "whitenoise.storage.CompressedManifestStaticFilesStorage"  # noqa: F405
WHITENOISE_USE_FINDERS = False
STATIC_ROOT = BASE_DIR / "var" / "bench" / "static"  # noqa: F405
# The floor is an API answer too.
CONTENT_SECURITY_POLICY["EXCLUDE_URL_PREFIXES"] = [*API_PREFIXES, "/bench/"]  # noqa: F405
