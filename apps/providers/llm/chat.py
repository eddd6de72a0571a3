"""A chat request of OpenAI's shape, taken apart for providers that have other words for it.

What a provider has no words for is refused, never left out, where the answer would be another one; hints (seeds,
penalties, effort) may be left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from apps.providers.llm import reading

_DATA_URI = re.compile(
    r"data:([\w.+-]{1,60}/[\w.+-]{1,60})(?:;[\w.+=-]{1,60})*;base64,", re.IGNORECASE
)
# How a PDF begins, in base64.
_PDF = "JVBERi0"
_EFFORTS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768, "max": 32768}  # fmt: skip
LEAST_THOUGHT = 1024


@dataclass(frozen=True)
class Inline:
    """Media that the request brings along."""

    content_type: str
    base64: str


@dataclass(frozen=True)
class Tool:
    name: str
    description: str
    parameters: dict[str, Any]
    # Where in the request it stands, for what a provider keeps beside it.
    source: Mapping[str, Any]


@dataclass(frozen=True)
class Used:
    """A tool that the model has called."""

    id: str
    name: str
    arguments: dict[str, Any]
    source: Mapping[str, Any]


def check(body: Mapping[str, Any], *, provider: str, choices: int = 1) -> None:
    """Raises ProviderRefused for what has an answer of its own that other providers do not give."""
    n = body.get("n")
    if isinstance(n, int) and n > choices:
        raise reading.refused(f"{provider} gives at most {choices} choices: n is too large.")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise reading.refused(f"{provider} tells no log probabilities: logprobs cannot be set.")
    modalities = body.get("modalities")
    if isinstance(modalities, list) and "audio" in modalities:
        raise reading.refused(f"{provider} does not speak: modalities cannot hold audio.")
    if body.get("web_search_options"):
        raise reading.refused(f"{provider} is not asked to search: leave out web_search_options.")


def messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return reading.objects(body.get("messages"))


def parts(content: Any) -> Iterator[dict[str, Any]]:
    """The content as parts, of which those of text hold some: providers refuse an empty one."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    for part in reading.objects(content):
        if part.get("type") == "refusal":
            part = {"type": "text", "text": part.get("refusal")}
        if part.get("type") != "text" or reading.text(part.get("text")).strip():
            yield part


def plain(content: Any) -> str:
    """The content's text alone."""
    return "\n".join(part["text"] for part in parts(content) if part.get("type") == "text")


def limit(body: Mapping[str, Any]) -> int | None:
    """How many tokens the answer may have."""
    found = body.get("max_completion_tokens") or body.get("max_tokens")
    return found if isinstance(found, int) and found > 0 else None


def stops(body: Mapping[str, Any]) -> list[str]:
    found = body.get("stop")
    found = [found] if isinstance(found, str) else found
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def thought(body: Mapping[str, Any]) -> int | None:
    """How many tokens to think for; 0: not at all, None: it is not said."""
    effort = body.get("reasoning_effort")
    return 0 if effort == "none" else _EFFORTS.get(str(effort))


# ----------------------------------------------------------------------------------------------- media


def inline(uri: str) -> Inline | None:
    """What a data URI holds; None for another URL."""
    found = _DATA_URI.match(uri[:300])
    return Inline(found.group(1).lower(), uri[found.end() :]) if found else None


def image(part: Mapping[str, Any]) -> Inline | str:
    """A picture or its URL. Raises ProviderRefused for what is neither."""
    found = part.get("image_url")
    uri = reading.text(found.get("url") if isinstance(found, dict) else found)
    if uri[:8].lower().startswith(("http://", "https://")):
        return uri
    picture = inline(uri)
    if picture is None or not picture.content_type.startswith("image/"):
        raise reading.refused("A picture must be an http(s) URL or a data URI in base64.")
    return picture


def file(part: Mapping[str, Any]) -> Inline:
    """A file that the request brings along. Raises ProviderRefused for one that is kept elsewhere."""
    found = reading.mapping(part.get("file"))
    data = reading.text(found.get("file_data"))
    if not data:
        raise reading.refused(
            "A file must be given as file_data: ids are known to one provider only."
        )
    read = Inline("application/pdf", data) if data.startswith(_PDF) else inline(data)
    if read is None:
        raise reading.refused("A file's file_data must be a data URI in base64.")
    return read


# ----------------------------------------------------------------------------------------------- tools


def tools(body: Mapping[str, Any]) -> list[Tool]:
    """The tools there are, those of the old kind too. Raises ProviderRefused for what is no function."""
    found = reading.objects(body.get("tools"))
    for one in found:
        if one.get("type") != "function":
            raise reading.refused(
                f"Tools of the type {str(one.get('type'))[:60]!r} are not known here."
            )
    functions = [(reading.mapping(one.get("function")), one) for one in found]
    functions += [(one, one) for one in reading.objects(body.get("functions"))]
    return [
        Tool(
            reading.text(function.get("name")),
            reading.text(function.get("description")),
            reading.mapping(function.get("parameters")),
            source,
        )
        for function, source in functions
    ]


def is_old(body: Mapping[str, Any]) -> bool:
    """Whether tools are asked for as they were before they were called so; then they are answered so too."""
    return bool(body.get("functions")) and not body.get("tools")


def choice(body: Mapping[str, Any]) -> str | tuple[str] | None:
    """Which tool to call: "auto", "none", "required", one by its name (in a tuple), None where it is not said."""
    found = body.get("tool_choice", body.get("function_call"))
    if isinstance(found, dict):
        kind = found.get("type", "function")
        name = found.get("name") or reading.mapping(found.get("function")).get("name")
        if kind != "function" or not isinstance(name, str):
            raise reading.refused("tool_choice must be a word or name one function.")
        return (name,)
    return found if found in ("auto", "none", "required") else None


def used(message: Mapping[str, Any], *, old_id: str) -> list[Used]:
    """The tools that an answer called. Raises ProviderRefused for arguments that are no JSON object."""
    found = [
        _used(reading.mapping(one.get("function")), reading.text(one.get("id")), one)
        for one in reading.objects(message.get("tool_calls"))
    ]
    old = message.get("function_call")
    if not found and isinstance(old, dict):
        found.append(_used(old, old_id, old))
    return found


def _used(function: Mapping[str, Any], id: str, source: Mapping[str, Any]) -> Used:
    name = reading.text(function.get("name"))
    said = reading.text(function.get("arguments"))
    try:
        arguments = orjson.loads(said) if said.strip() else {}
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise reading.refused(f"The arguments of the call of {name[:60]!r} are no JSON object.")
    return Used(id, name, arguments, source)


# ---------------------------------------------------------------------------------------------- format


def schema(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the answer must conform to, {} for any JSON; None where it may be text."""
    wanted = reading.mapping(body.get("response_format"))
    if wanted.get("type") == "json_object":
        return {}
    if wanted.get("type") == "json_schema":
        return reading.mapping(reading.mapping(wanted.get("json_schema")).get("schema"))
    return None
