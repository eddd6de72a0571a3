"""The REST framework's side of `apps.accounts.access`."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts import access
from apps.accounts.selectors import Identity


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to an Identity. Raises InvalidApiKey for a wrong key, nothing for none."""

    def authenticate(self, request: Request) -> tuple[None, Identity] | None:
        identity = access.identify(request._request.META)
        return None if identity is None else (None, identity)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
