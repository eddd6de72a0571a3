"""The project's settings for the test suite: fast hashing, jobs run in place, nothing leaves the machine."""

import os
from pathlib import Path

from tests import process

os.environ.update(process.environment())
os.environ.setdefault("APP_ENV", "local")
os.environ.setdefault("SECRET_KEY", "tests-only-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz")
os.environ.setdefault("DATABASE_URL", "postgresql://app@127.0.0.1:5432/app")
os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:6379/0")
os.environ["BASE_URL"] = "http://testserver"

from config.settings import *  # noqa: F403
from config.settings import DATABASES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Jobs do not run by themselves: a test that wants one calls its service or job.
CELERY_TASK_ALWAYS_EAGER = False
CELERY_BROKER_URL = "memory://"
FILES_ROOT = Path(os.environ["DATA_DIR"]) / "test-files"
# WhiteNoise warns of a folder that is not there.
STATIC_ROOT = Path(os.environ["DATA_DIR"]) / "test-static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(FILES_ROOT)},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# The ledger refuses TRUNCATE; tests with real commits are cleaned up by it, so their sessions may.
DATABASES["default"]["OPTIONS"]["options"] += " -c modelyard.allow_truncate=on"
DATABASES["default"]["CONN_MAX_AGE"] = 0
# A thread that listens would keep a connection to a database that must be dropped at the end.
LISTEN_FOR_CHANGES = False
