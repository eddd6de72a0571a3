"""How this installation looks: what the settings say of its name, logo, colour and links, ready for pages and mails."""

import hashlib

from django.conf import settings
from django.templatetags.static import static

from apps.core.colours import Shades, accent

_OURS = "favicon.svg"
# Pictures that pages of other sites show beside a link; a drawing (SVG) they do not.
_SHARED = (".png", ".jpg", ".jpeg", ".webp")

_THEME = """{selector} {{
  --tblr-primary: {it.fill}; --tblr-primary-rgb: {it.fill_rgb};
  --tblr-link-color: {it.text}; --tblr-link-hover-color: {it.hover};
  --accent: {it.text}; --accent-bg: {it.ground};
}}
"""
# What app.css colours as something that runs, where it only means "here".
_HERE = """.navbar-vertical .nav-item.active > .nav-link, .theme-choice .btn.active, .menu-count {
  color: var(--accent); background: var(--accent-bg);
}
.chip[aria-current] { color: var(--accent); background: var(--accent-bg); border-color: var(--accent); }
.navbar-vertical.navbar-expand-lg .navbar-collapse .nav-item.active::after { border-color: var(--accent); }
.kind-icon { color: var(--accent); }
:focus-visible { outline-color: var(--accent); }
"""


def logo_url() -> str:
    """The logo's address; only ever for an `<img>`, where a drawing can run nothing."""
    logo: str = settings.SITE_LOGO
    return logo if logo.startswith("/") else static(logo or _OURS)


def shared_picture_url() -> str:
    """The picture beside links to us, absolute; "" where the operator's logo is a drawing."""
    if not settings.SITE_LOGO:
        return _absolute(static("social.png"))
    return _absolute(logo_url()) if settings.SITE_LOGO.endswith(_SHARED) else ""


def _absolute(url: str) -> str:
    return f"{settings.BASE_URL}{url}" if url.startswith("/") else url


def links() -> list[tuple[str, str]]:
    """The operator's links as (label, absolute address), for mails."""
    return [(label, _absolute(url)) for label, url in settings.SITE_LINKS]


def stylesheet() -> str:
    """Custom properties for the operator's colour; "" without one. Made of checked colours and our own words only."""
    if not settings.SITE_COLOUR:
        return ""
    light, dark = accent(settings.SITE_COLOUR)
    return _theme(":root", light) + _theme('[data-bs-theme="dark"]', dark) + _HERE


def _theme(selector: str, shades: Shades) -> str:
    return _THEME.format(selector=selector, it=shades)


def version() -> str:
    """Changes with the stylesheet, so that browsers may keep one for good."""
    return hashlib.sha256(stylesheet().encode()).hexdigest()[:12]
