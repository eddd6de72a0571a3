"""Files that the settings name and that are not there stop `manage.py check`, and with it a deployment."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, register

from apps.site.news_legal import CannotRead, written

_HINT = "See docs/operations.md, Branding."


@register
def check_legal_texts(app_configs: Any, **_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for name in ("TERMS_FILE", "PRIVACY_FILE"):
        path = getattr(settings, name)
        try:
            if path is not None:
                written(path)
        except CannotRead as error:
            found.append(Error(f"{name}: {error}", hint=_HINT, id="site.E001"))
    return found


@register
def check_logo(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """A path outside the static files is served by somebody else, whom we do not ask."""
    name = settings.SITE_LOGO.removeprefix(settings.STATIC_URL)
    if not name or name.startswith("/") or finders.find(name):
        return []
    return [
        Error(
            f"SITE_LOGO: there is no static file {name}.",
            hint=f"Put it into the folder that SITE_STATIC_DIR names. {_HINT}",
            id="site.E002",
        )
    ]
