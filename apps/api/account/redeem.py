"""POST /account/redeem: a code becomes credits."""

from decimal import Decimal
from typing import Any, ClassVar

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.accounts.models import User
from apps.accounts.selectors import Identity
from apps.api import parsing
from apps.api.openapi import operations
from apps.api.views import ApiView, answer, identity_of
from apps.billing.services import codes
from apps.core import money
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest


class RedeemCode(ApiView):
    """Free. The person who made the key counts as the one who redeems."""

    scope = "account"
    operations: ClassVar[dict[str, Any]] = {"post": operations.REDEEM}

    def post(self, request: Request) -> Response:
        identity = identity_of(request)
        code = parsing.json_object(request._request).get("code")
        if not isinstance(code, str) or not code.strip():
            raise InvalidRequest.field("code", "Give the code as text.")
        done = codes.redeem(
            workspace=accounts.workspace_by_id(workspace_id=identity.workspace_id),
            user=_person(identity),
            text=code,
            ip=client_ip(request._request.META),
        )
        return answer(
            {
                "credits": _number(money.nearest_credits(done.points)),
                "equivalent_in_usd": _number(money.usd(done.points)),
            }
        )


def _person(identity: Identity) -> User | None:
    if identity.key_id is None:
        return None
    key = accounts.api_key(workspace_id=identity.workspace_id, key_id=identity.key_id)
    return key.created_by


def _number(amount: Decimal) -> orjson.Fragment:
    """A JSON number with exactly these digits, and none that say nothing."""
    whole, _, fraction = f"{amount:f}".partition(".")
    fraction = fraction.rstrip("0")
    return orjson.Fragment(f"{whole}.{fraction}" if fraction else whole)
