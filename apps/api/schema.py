"""OpenAPI operations are written next to their views' names, not guessed from serializers."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry


class EnvelopeSchema(AutoSchema):
    """Takes a view's `operations[method]` as it stands; the parts they refer to are added by
    `apps.api.openapi.document.finish`. A path with a trailing slash is the same route tolerated, and not listed.
    """

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        if path.endswith("/"):
            return None
        operations: dict[str, dict[str, Any]] = getattr(self.view, "operations", {})
        return operations.get(method.lower())
