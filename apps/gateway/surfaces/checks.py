"""What may stand in a request, field by field.

Fields we do not know pass: a provider may know them. Those that would steer the call instead of describing it never do.
A rule takes a value and its path and returns the value to use, or raises InvalidRequest with the path. Paths are made
only when something is wrong: a hundred thousand messages are checked in a fraction of a second.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from apps.core.errors import InvalidRequest
from apps.gateway.surfaces.base import Parsed

Rule = Callable[[Any, str], Any]

# Addresses and credentials are ours.
_ACCESS = [
    "api_key", "apikey", "api_base", "api_type", "api_version", "base_url", "endpoint", "url", "headers",
    "default_headers", "extra_headers", "default_query", "extra_query", "extra_body", "authorization", "auth",
    "credentials", "credential_name", "token", "organization", "project", "region_name", "proxy", "proxies",
    "proxy_server_request", "ssl_verify", "workspace_id", "user_profile_id",
]  # fmt: skip
# So is who answers, how often we try, and what happens beside.
_ROUTING = [
    "custom_llm_provider", "provider", "providers", "preset", "route", "models", "fallbacks",
    "context_window_fallbacks", "content_policy_fallbacks", "deployment_id", "model_info", "model_list", "model_group",
    "router", "router_settings", "user_config", "mock_response", "mock_tool_calls", "callbacks", "success_callback",
    "failure_callback", "timeout", "request_timeout", "stream_timeout", "num_retries", "max_retries", "cache",
    "caching", "no_log", "guardrails", "store",
]  # fmt: skip
# And what a provider would bill us for beside tokens, or by another price for them.
_PRICED = [
    "service_tier", "speed", "inference_geo", "search_parameters", "web_search", "enable_search", "plugins",
    "transforms", "input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second",
]  # fmt: skip
_DROPPED = frozenset([*_ACCESS, *_ROUTING, *_PRICED])
_DROPPED_PREFIXES = ("azure_", "vertex_", "aws_", "litellm_", "user_api_key", "watsonx_", "mock_")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_ADDRESS = re.compile(r"(https?://[^\s]|data:)", re.IGNORECASE)
_UNWRITABLE = (
    "The body is nested too deeply, or holds a number of over 64 bits or half a character."
)
_LONGEST_MODEL = 200
MOST_TOKENS = 2**31 - 1


def fail(name: str, message: str) -> InvalidRequest:
    return InvalidRequest.field(name, message)


def cleaned(body: Any, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The fields that pass, each through its rule. A known field with null is the same as none.

    What is returned can be written as JSON and walked: nobody after us meets a body that is too deep for it.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("Give a JSON object as body.")
    fields = {}
    for name, value in body.items():
        rule = rules.get(name)
        if (rule is not None and value is None) or steers(name):
            continue
        fields[name] = value if rule is None else rule(value, name)
    try:
        orjson.dumps(fields)
    except TypeError:
        raise InvalidRequest(_UNWRITABLE) from None
    return fields


def parsed(fields: dict[str, Any], *, required: Collection[str]) -> Parsed:
    """The request of cleaned fields, without those that are told beside the body."""
    for name in ("model", *required):
        if name not in fields:
            raise fail(name, "This field is required.")
    options = fields.pop("stream_options", {})
    return Parsed(
        model=fields.pop("model"),
        is_stream=fields.pop("stream", False),
        body=fields,
        wants_usage=options.get("include_usage", False),
    )


def steers(name: str) -> bool:
    """Whether a field of this name is dropped, however it is spelled."""
    plain = name.lower().replace("-", "_")
    return plain in _DROPPED or plain.startswith(_DROPPED_PREFIXES)


def number(least: float, most: float) -> Rule:
    def rule(value: Any, name: str) -> Any:
        plain = _from_text(value)
        if type(plain) not in (int, float) or not least <= plain <= most:
            raise fail(name, f"Give a number from {least:g} to {most:g}.")
        return plain

    return rule


def integer(least: int, most: int) -> Rule:
    def rule(value: Any, name: str) -> Any:
        plain = _from_text(value)
        if isinstance(plain, float) and plain.is_integer():
            plain = int(plain)
        if type(plain) is not int or not least <= plain <= most:
            raise fail(name, f"Give a whole number from {least} to {most}.")
        return plain

    return rule


def _from_text(value: Any) -> Any:
    """The number that a text is, if it is one."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    return int(value) if value.lstrip("-").isdecimal() else float(value)


def flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise fail(name, "This must be true or false.")
    return value


def text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise fail(name, "This must be a string.")
    return value


def items(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise fail(name, "This must be a list.")
    return value


def mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise fail(name, "This must be an object.")
    return value


def typed(value: Any, name: str) -> dict[str, Any]:
    """An object that says its type."""
    if not isinstance(mapping(value, name).get("type"), str):
        raise fail(f"{name}.type", "This must be a string.")
    return value  # type: ignore[no-any-return]


def text_or_mapping(value: Any, name: str) -> Any:
    if not isinstance(value, (str, dict)):
        raise fail(name, "This must be a string or an object.")
    return value


def one_of(*words: str) -> Rule:
    def rule(value: Any, name: str) -> Any:
        if not isinstance(value, str) or value not in words:
            raise fail(name, f"Give one of {', '.join(words)}.")
        return value

    return rule


def texts(most: int) -> Rule:
    def rule(value: Any, name: str) -> Any:
        if len(items(value, name)) > most:
            raise fail(name, f"Give at most {most}.")
        for index, one in enumerate(value):
            text(one, f"{name}.{index}")
        return value

    return rule


def text_or_texts(most: int) -> Rule:
    several = texts(most)

    def rule(value: Any, name: str) -> Any:
        return value if isinstance(value, str) else several(value, name)

    return rule


def refuse(message: str) -> Rule:
    """For a field that we know and do not serve. Null, false and an empty list ask for nothing; {} may ask."""

    def rule(value: Any, name: str) -> Any:
        if value not in (False, "", []):
            raise fail(name, message)
        return value

    return rule


def model(value: Any, name: str) -> str:
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= _LONGEST_MODEL
        or not value.isprintable()
    ):
        raise fail(name, "Give the name of a model.")
    return value


def stream_options(value: Any, name: str) -> dict[str, Any]:
    options = mapping(value, name)
    if options.get("include_usage") is None:
        return {}
    return {"include_usage": flag(options["include_usage"], f"{name}.include_usage")}


def metadata(value: Any, name: str) -> dict[str, Any]:
    """Labels of the customer's own. Gateways behind us read settings from here too: those are dropped."""
    return {key: one for key, one in mapping(value, name).items() if not steers(key)}


def address(value: Any, name: str) -> str:
    """Where a provider finds a picture or file: on the web, or in the address itself."""
    if not isinstance(value, str) or not _ADDRESS.match(value):
        raise fail(name, "Give an http(s) or data address.")
    return value
