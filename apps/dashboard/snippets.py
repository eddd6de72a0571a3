"""Calls from a program that only the dashboard shows; what the catalogue shows too is in `catalog.snippets`."""

from django.conf import settings

from apps.catalog.snippets import KEY_VARIABLE, Snippets, create_task

__all__ = ["KEY_VARIABLE", "Snippets", "create_task", "read_task", "try_key"]


def read_task(*, task_id: object) -> str:
    """Reading it."""
    return f'curl {settings.BASE_URL}/api/v1/task/{task_id} \\\n  -H "x-api-key: ${KEY_VARIABLE}"'


def try_key(*, secret: str) -> str:
    """A first call that costs nothing and proves the key."""
    return f'curl {settings.BASE_URL}/account/info \\\n  -H "x-api-key: {secret}"'
