"""A faulty list of models stops `manage.py check`, and with it a deployment."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.catalog.llm.registry import BadCatalog, llm_models


@register
def check_llm_models(app_configs: Any, **_: Any) -> list[CheckMessage]:
    try:
        llm_models()
    except BadCatalog as error:
        return [Error(str(error), hint="See docs/models-llm.md.", id="catalog.E001")]
    return []
