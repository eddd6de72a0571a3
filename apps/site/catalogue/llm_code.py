"""A first call of a model of the LLM lane: with curl, and with OpenAI's own libraries."""

import shlex
from typing import Any

import orjson
from django.conf import settings

from apps.catalog.llm.model import WILDCARD, LlmKind, LlmModel
from apps.catalog.snippets import KEY_VARIABLE, Snippets

_ANY_GIZMO = "g-YOUR_GPT_ID"
_SENTENCE = "The yard opens at seven."
# Of each kind: the path, the body beside the model, the call of OpenAI's library, and what to do with its answer.
_CALLS: dict[LlmKind, tuple[str, dict[str, Any], str, str]] = {
    LlmKind.CHAT: (
        "chat/completions",
        {"messages": [{"role": "user", "content": "Say hello in three languages."}]},
        "chat.completions.create",
        "answer.choices[0].message.content",
    ),
    LlmKind.EMBEDDING: (
        "embeddings",
        {"input": _SENTENCE},
        "embeddings.create",
        "answer.data[0].embedding",
    ),
    LlmKind.IMAGE: (
        "images/generations",
        {"prompt": "a fox by a lake at sunset"},
        "images.generate",
        "answer.data[0]",
    ),
    LlmKind.MODERATION: (
        "moderations",
        {"input": _SENTENCE},
        "moderations.create",
        "answer.results[0].flagged",
    ),
    LlmKind.SPEECH: (
        "audio/speech",
        {"input": _SENTENCE, "voice": "alloy"},
        "audio.speech.create",
        "",
    ),
}


def first_call(model: LlmModel) -> Snippets:
    """The same small call three times."""
    name = model.name.replace(WILDCARD, _ANY_GIZMO)
    if model.kind is LlmKind.TRANSCRIPTION:
        return _transcription(name)
    path, more, method, shown = _CALLS[model.kind]
    body: dict[str, Any] = {"model": name, **more}
    if model.stream_only:
        body["stream"] = True
    return Snippets(
        curl=_curl(path, body, to_file=model.kind is LlmKind.SPEECH),
        python=_python(method, body, shown),
        javascript=_javascript(method, body, shown),
    )


def base_url() -> str:
    return f"{settings.BASE_URL}/v1"


def _curl(path: str, body: dict[str, Any], *, to_file: bool) -> str:
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    lines = [
        f"curl {base_url()}/{path}",
        f'  -H "Authorization: Bearer ${KEY_VARIABLE}"',
        '  -H "Content-Type: application/json"',
        f"  -d {shlex.quote(text)}",
    ]
    if to_file:
        lines.append("  -o speech.mp3")
    return " \\\n".join(lines)


def _python(method: str, body: dict[str, Any], shown: str) -> str:
    arguments = "".join(f"    {name}={value!r},\n" for name, value in body.items())
    call = f"client.{method}(\n{arguments})"
    if body.get("stream"):
        rest = f'for piece in {call}:\n    print(piece.choices[0].delta.content or "", end="")'
    elif shown:
        rest = f"answer = {call}\nprint({shown})"
    else:
        rest = f'answer = {call}\nanswer.write_to_file("speech.mp3")'
    return f"{_python_client()}\n{rest}"


def _javascript(method: str, body: dict[str, Any], shown: str) -> str:
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    call = f"await client.{method}({text})"
    if body.get("stream"):
        rest = (
            f"for await (const piece of {call}) {{\n"
            '  process.stdout.write(piece.choices[0]?.delta.content ?? "");\n}'
        )
    elif shown:
        rest = f"const answer = {call};\nconsole.log({shown});"
    else:
        rest = f'const answer = {call};\nawait writeFile("speech.mp3", Buffer.from(await answer.arrayBuffer()));'
    needed = "" if shown else 'import { writeFile } from "node:fs/promises";\n'
    return f"{needed}{_js_client()}\n{rest}"


def _transcription(name: str) -> Snippets:
    curl = " \\\n".join(
        (
            f"curl {base_url()}/audio/transcriptions",
            f'  -H "Authorization: Bearer ${KEY_VARIABLE}"',
            "  -F file=@recording.mp3",
            f"  -F model={shlex.quote(name)}",
        )
    )
    python = (
        f'{_python_client()}\nwith open("recording.mp3", "rb") as file:\n'
        f"    answer = client.audio.transcriptions.create(model={name!r}, file=file)\nprint(answer.text)"
    )
    javascript = (
        f'import {{ createReadStream }} from "node:fs";\n{_js_client()}\n'
        "const answer = await client.audio.transcriptions.create({\n"
        f'  model: "{name}",\n  file: createReadStream("recording.mp3"),\n}});\nconsole.log(answer.text);'
    )
    return Snippets(curl=curl, python=python, javascript=javascript)


def _python_client() -> str:
    return (
        "import os\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{base_url()}", api_key=os.environ["{KEY_VARIABLE}"])'
    )


def _js_client() -> str:
    return (
        'import OpenAI from "openai";\n\nconst client = new OpenAI({\n'
        f'  baseURL: "{base_url()}",\n  apiKey: process.env.{KEY_VARIABLE},\n}});'
    )
