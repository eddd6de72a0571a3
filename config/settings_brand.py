"""How the installation presents itself; `settings` takes these over. What is wrong stops the start, by name."""

import re
from email.utils import formataddr, parseaddr
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from apps.core.colours import BadColour, accent
from config import env

_LOGO = re.compile(
    r"/?[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*\.(svg|png|webp|jpe?g|avif)"
)
_TARGET = re.compile(r"(https?://[^\s/?#\"'<>]+|mailto:[^\s\"'<>]+@|/(?!/))[^\s\"'<>]*")
_LONGEST_LABEL = 40


def _line(name: str, value: str) -> str:
    if not value.isprintable():
        raise ImproperlyConfigured(f"{name} must be one line of printable text.")
    return value


def _logo() -> str:
    value = env.text("SITE_LOGO", default="")
    if value and not _LOGO.fullmatch(value):
        raise ImproperlyConfigured(
            "SITE_LOGO must name a picture below a static folder (brand/logo.svg), or its path on this site "
            f"(/static/brand/logo.svg), not {value!r}."
        )
    return value


def _colour() -> str:
    value = env.text("SITE_COLOUR", default="").lower()
    try:
        if value:
            accent(value)
    except BadColour as error:
        raise ImproperlyConfigured(f"SITE_COLOUR {error}.") from None
    return value


def _links() -> list[tuple[str, str]]:
    """Pairs of label and address."""
    found = []
    for item in env.names("SITE_LINKS", default=""):
        label, _, url = (part.strip() for part in item.partition("="))
        is_label = 0 < len(label) <= _LONGEST_LABEL and label.isprintable()
        if not is_label or not _TARGET.fullmatch(url):
            raise ImproperlyConfigured(
                "SITE_LINKS must be pairs such as Imprint=https://example.com/imprint, with commas between, "
                f"not {item!r}."
            )
        found.append((label, url))
    return found


def _file(name: str, value: str) -> Path | None:
    if value and not value.endswith((".md", ".txt")):
        raise ImproperlyConfigured(f"{name} must name a file that ends with .md or .txt.")
    return Path(value) if value else None


def _sender() -> str:
    """`EMAIL_FROM`, under the name of MAIL_FROM_NAME where that is set."""
    default = f"{SITE_NAME} <noreply@localhost>"
    sender = _line("EMAIL_FROM", env.text("EMAIL_FROM", default=default))
    name = _line("MAIL_FROM_NAME", env.text("MAIL_FROM_NAME", default=""))
    return formataddr((name, parseaddr(sender)[1])) if name else sender


SITE_NAME = _line("SITE_NAME", env.text("SITE_NAME", default="Modelyard"))
SITE_TAGLINE = _line(
    "SITE_TAGLINE",
    env.text(
        "SITE_TAGLINE",
        default="Every generative model behind one API, one prepaid balance and one dashboard.",
    ),
)
SITE_LOGO = _logo()
# One accent for both themes; it must carry white text.
SITE_COLOUR = _colour()
SITE_LINKS = _links()
# A folder of the operator's own files that are served as static ones: the logo.
SITE_STATIC_DIR = env.text("SITE_STATIC_DIR", default="")
# Texts of the operator's in place of ours.
TERMS_FILE = _file("TERMS_FILE", env.text("TERMS_FILE", default=""))
PRIVACY_FILE = _file("PRIVACY_FILE", env.text("PRIVACY_FILE", default=""))
DEFAULT_FROM_EMAIL = _sender()
