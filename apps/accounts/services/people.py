"""What a person sets for themselves."""

import zoneinfo
from functools import lru_cache

from apps.accounts.models import Language, User
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence


@lru_cache(maxsize=1)
def time_zones() -> list[str]:
    """The zones people choose from, by name: places, and UTC."""
    return [*sorted(name for name in zoneinfo.available_timezones() if "/" in name), "UTC"]


def set_profile(*, user: User, name: str, language: str, time_zone: str) -> User:
    """Raises InvalidRequest. Safe to repeat."""
    name = name.strip()
    if len(name) > 100:
        raise InvalidRequest.field("name", sentence("Use at most 100 characters."))
    if language not in Language.values:
        raise InvalidRequest.field("language", sentence("Choose a language of the list."))
    if time_zone and time_zone not in time_zones():
        raise InvalidRequest.field("time_zone", sentence("Choose a time zone of the list."))
    user.name, user.language, user.time_zone = name, language, time_zone
    user.save(update_fields=["name", "language", "time_zone"])
    return user


def speak(*, user: User, language: str) -> None:
    """Show the person's pages in it from now on. One that pages are not written in changes nothing."""
    if language in Language.values and language != user.language:
        user.language = language
        user.save(update_fields=["language"])


def pseudonymise(*, user: User) -> None:
    """Take away whatever says who the person is and lets them in. The row stays, since the books point at it.

    Audit logs keep the address they were written with: they never change. Safe to repeat.
    """
    user.email, user.name = f"deleted-{user.pk}@deleted.invalid", ""
    user.language, user.time_zone = Language.ENGLISH, ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.last_login = None
    user.set_unusable_password()
    user.save()
