"""Settings, read top to bottom.

What differs between machines comes from the environment; `.env.example` lists it all.
"""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

import config.celery  # noqa: F401 - every process sends jobs, so every process makes the app
from config import env, schedule
from config.settings_brand import *  # noqa: F403
from config.settings_brand import SITE_NAME, SITE_STATIC_DIR
from config.settings_gpts import *  # noqa: F403
from config.settings_llm import *  # noqa: F403
from config.settings_money import *  # noqa: F403
from config.settings_pools import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parent.parent

# "local" is what `./run` sets: a developer's machine on its own servers. Anything else is a real
# installation, where the secrets below have no default: a server without them does not start.
LOCAL = env.text("APP_ENV", default="production") == "local"
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY")
DATA_DIR = Path(env.text("DATA_DIR", default=str(BASE_DIR / "var")))
# Where gateways note what they are about to deliver; on a disk that outlives the process.
LLM_JOURNAL_DIR = Path(env.text("LLM_JOURNAL_DIR", default=str(DATA_DIR / "gateways")))

# Where customers reach this installation; links in answers and e-mails start with it.
BASE_URL = env.text("BASE_URL", default="http://127.0.0.1:8000" if LOCAL else None).rstrip("/")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", default="*" if LOCAL else None)
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS", default=BASE_URL)
# What the changelog's page shows.
CHANGELOG_FILE = BASE_DIR / "CHANGELOG.md"
# How many proxies of ours stand in front and append to X-Forwarded-For. 0: the peer's address counts.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", default=0)

# ---------------------------------------------------------------------- Django
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "apps.core",
    "apps.accounts",
    "apps.files",
    "apps.notifications",
    "apps.catalog",
    "apps.billing",
    "apps.byoa",
    "apps.llm",
    "apps.tasks",
    "apps.api",
    "apps.dashboard",
    "apps.site",
    "apps.ops",
]

MIDDLEWARE = [
    "apps.core.middleware.RequestContext",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.dashboard.middleware.CompressedPages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",  # sets Content-Length
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.dashboard.middleware.Personal",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
# The e-mail is unique by a constraint on its lower-case form, which this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# People type addresses with and without the last slash; apps.dashboard.urls sees to the other half.
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.dashboard.context.site",
            ],
        },
    }
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
TIME_ZONE = "UTC"
USE_TZ = True

# -------------------------------------------------------------------- database
DATABASES = {"default": env.database_url("DATABASE_URL")}
DATABASES["default"] |= {
    "CONN_MAX_AGE": env.number("DATABASE_CONN_MAX_AGE", default=600),
    "CONN_HEALTH_CHECKS": True,
}
DATABASES["default"]["OPTIONS"] |= {
    "options": "-c lock_timeout=10s -c statement_timeout=30s",
    # Sends parameters apart from the statement, so that hot statements are prepared once per connection.
    "server_side_binding": True,
    "prepare_threshold": 3,
}

# Processes hear by LISTEN/NOTIFY that a key or workspace changed. Without it they ask again every second.
LISTEN_FOR_CHANGES = env.flag("LISTEN_FOR_CHANGES", default=True)

# ------------------------------------------------------- Valkey: broker, limits
REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
    }
}

CELERY_BROKER_URL = env.broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True  # the database holds what a job did; nobody reads results
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_500_000  # kB
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 2
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_TIME_LIMIT = 3600
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that is away costs whoever sends this long; the row is sent again by the sweep.
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Messages are hints and rows the truth, so a message that comes back late or twice is harmless; these
# only make a lost worker's messages come back in seconds (Celery's own sweep takes minutes).
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 30,
    "socket_keepalive": True,
    "unacked_restore_limit": 1000,
}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = schedule.ENTRIES

# ----------------------------------------------------------------------- files
# Outputs, inline inputs and uploads. A folder, or a bucket when FILES_S3_BUCKET is set.
FILES_ROOT = Path(env.text("FILES_ROOT", default=str(DATA_DIR / "files")))
FILES_BASE_URL = env.text("FILES_BASE_URL", default=f"{BASE_URL}/files").rstrip("/")
FILES_S3_BUCKET = env.text("FILES_S3_BUCKET", default="")
FILES_S3_ENDPOINT = env.text("FILES_S3_ENDPOINT", default="").rstrip("/")
UPLOAD_MAX_BYTES = 10 * 1024 * 1024
UPLOAD_HOURS = 24
_LOCAL_FILES = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": str(FILES_ROOT)},
}
_S3_FILES = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": FILES_S3_BUCKET,
        "endpoint_url": FILES_S3_ENDPOINT or None,
        "region_name": env.text("FILES_S3_REGION", default="") or None,
        "access_key": env.text("FILES_S3_ACCESS_KEY", default="") or None,
        "secret_key": env.text("FILES_S3_SECRET_KEY", default="") or None,
        "default_acl": None,
        "querystring_expire": 600,
        "file_overwrite": True,
    },
}
# A release and `./run up` collect them: hashed names, compressed. Commands and tests take them from their folders.
STATIC_COLLECTED = env.flag("STATIC_COLLECTED", default=not LOCAL)
STORAGES: dict[str, dict[str, Any]] = {
    "default": _S3_FILES if FILES_S3_BUCKET else _LOCAL_FILES,
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static", *([Path(SITE_STATIC_DIR)] if SITE_STATIC_DIR else [])]
STATIC_ROOT = Path(env.text("STATIC_ROOT", default=str(BASE_DIR / "var" / "static")))
WHITENOISE_USE_FINDERS = not STATIC_COLLECTED
WHITENOISE_AUTOREFRESH = False

# ------------------------------------------------------------------ public API
# Largest request body: a 20 MB picture in base64, with room to spare.
API_MAX_BODY_BYTES = env.number("API_MAX_BODY_BYTES", default=32 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY_BYTES
# Requests a minute for one API key, unless the key has its own limit; and for an address without a key.
API_RATE_PER_MINUTE = env.number("API_RATE_PER_MINUTE", default=30_000)
ANONYMOUS_RATE_PER_MINUTE = env.number("ANONYMOUS_RATE_PER_MINUTE", default=600)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_THROTTLE_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsing.AnyBodyIsJson"],
    "DEFAULT_RENDERER_CLASSES": ["apps.api.rendering.Json"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.rendering.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "apps.api.schema.EnvelopeSchema",
    "EXCEPTION_HANDLER": "apps.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SITE_NAME} API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
    "POSTPROCESSING_HOOKS": ["apps.api.openapi.document.finish"],
}

# ------------------------------------------------------------- outgoing traffic
# Address ranges that outgoing requests may reach although they are not public, e.g. 10.0.5.0/24. Every
# customer can then make us connect there: name only ranges where that is harmless.
EGRESS_ALLOW = env.networks("EGRESS_ALLOW", default="")
MEDIA_MAX_BYTES = env.number("MEDIA_MAX_BYTES", default=100 * 1024 * 1024)

# -------------------------------------------------------------------- features
LOCAL_ENGINE = env.flag("LOCAL_ENGINE", default=True)
# Its stand-ins for models that need an account at a provider (Midjourney, songs): to try things out.
SANDBOX_ENGINE = env.flag("SANDBOX_ENGINE", default=LOCAL)
# Whose credits pay for what visitors try on the first page; "": nothing can be tried there.
SHOWCASE_WORKSPACE = env.text("SHOWCASE_WORKSPACE", default="demo" if LOCAL else "")
# What a new workspace gets: 66 quotas' worth, US$0.33.
SIGNUP_GRANT_POINTS = env.number("SIGNUP_GRANT_POINTS", default=3_300_000)
IDEMPOTENCY_HOURS = 24
# How long a task may wait for an account before it fails, free of charge; work itself has its model's time.
TASK_WAITING_HOURS = env.number("TASK_WAITING_HOURS", default=24)
# Tasks of a family that may wait behind a workspace's limit.
STAGED_TASKS = 50
# Tasks handed to the workers of the local engine at once: a few more than there are worker processes.
LOCAL_ENGINE_SLOTS = env.number("LOCAL_ENGINE_SLOTS", default=4)
# A list of LLM models and prices over the built-in one; docs/models-llm.md.
LLM_MODELS_FILE = env.text("LLM_MODELS_FILE", default="")
# Addresses that may read /metrics.
METRICS_ALLOW = env.networks("METRICS_ALLOW", default="127.0.0.0/8,::1")
# First key seals, all open; docs/pools.md says how to change it.
SEALING_KEYS = env.names("SEALING_KEYS", default="") or [SECRET_KEY]

# --------------------------------------------------------------------- sign-in
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "site:landing"
ACCOUNT_ADAPTER = "apps.dashboard.signup.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "apps.dashboard.signup.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_VERIFICATION = env.text("EMAIL_VERIFICATION", default="optional")
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = SITE_NAME
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = LOCAL
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
for _provider, _scope in (("github", ["user:email"]), ("google", ["email", "profile"])):
    if _client_id := env.text(f"{_provider.upper()}_CLIENT_ID", default=""):
        SOCIALACCOUNT_PROVIDERS[_provider] = {
            "SCOPE": _scope,
            "VERIFIED_EMAIL": _provider == "google",
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {"client_id": _client_id, "secret": env.text(f"{_provider.upper()}_CLIENT_SECRET")}
            ],
        }

# ---------------------------------------------------------------------- e-mail
EMAIL_HOST = env.text("EMAIL_HOST", default="")
EMAIL_PORT = env.number("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env.text("EMAIL_USER", default="")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD", default="")
EMAIL_USE_TLS = env.flag("EMAIL_TLS", default=True)
EMAIL_TIMEOUT = 10
# Without a mail server, messages are written below DATA_DIR/mail, where a developer can read them.
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = str(DATA_DIR / "mail")

# -------------------------------------------------------------------- security
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = BASE_URL.startswith(
    "https://"
)
SECURE_SSL_REDIRECT = env.flag("SSL_REDIRECT", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", default=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
_FILES_ORIGINS = [] if FILES_BASE_URL.startswith(f"{BASE_URL}/") else [FILES_BASE_URL]
if FILES_S3_BUCKET:
    # Our address of a file redirects to the bucket's, and a policy counts where a redirect leads.
    _s3_scheme, _, _s3_host = (FILES_S3_ENDPOINT or "https://amazonaws.com").partition("://")
    _FILES_ORIGINS += [f"{_s3_scheme}://{_s3_host}", f"{_s3_scheme}://*.{_s3_host}"]
# Answers of the API are no pages; files bring a stricter policy of their own.
API_PREFIXES = ["/api/v1/", "/account/", "/hooks/", "/files/", "/healthz", "/readyz", "/metrics"]
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "EXCLUDE_URL_PREFIXES": API_PREFIXES,
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *_FILES_ORIGINS],
        "media-src": [SELF, "blob:", *_FILES_ORIGINS],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    },
}

# ------------------------------------------------------------------------ logs
LOG_LEVEL = env.text("LOG_LEVEL", default="INFO")
LOGGING_CONFIG = "apps.core.logs.configure"
LOGGING = {"level": LOG_LEVEL, "json": env.flag("LOG_JSON", default=not LOCAL)}
