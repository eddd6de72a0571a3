"""The same call from a program: what a form does, as curl, Python, JavaScript and a node of n8n.

None of them ever holds a key: they read it from the environment, or from n8n's credentials.
"""

import shlex
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

KEY_VARIABLE = "MODELYARD_API_KEY"
# Inline media makes a snippet unreadable; whoever copies it has the file.
_LONGEST_VALUE = 600


@dataclass(frozen=True)
class Snippets:
    curl: str
    python: str
    javascript: str
    # "": there is no such node for it.
    n8n: str = ""


def create_task(*, model: str, task_type: str, input: dict[str, Any]) -> Snippets:
    """Creating this task over the API."""
    body = {"model": model, "task_type": task_type, "input": _readable(input)}
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    url = f"{settings.BASE_URL}/api/v1/task"
    curl = "\n".join(
        (
            f"curl {url} \\",
            f'  -H "x-api-key: ${KEY_VARIABLE}" \\',
            '  -H "Content-Type: application/json" \\',
            f"  -d {shlex.quote(text)}",
        )
    )
    return Snippets(
        curl=curl,
        python=_PYTHON.format(url=url, variable=KEY_VARIABLE, body=_literal(body)),
        javascript=_JAVASCRIPT.format(url=url, variable=KEY_VARIABLE, body=text),
        n8n=_n8n(url, text),
    )


def _n8n(url: str, body: str) -> str:
    """Nodes to paste onto n8n's canvas. The key is a credential of kind "Header Auth" that is chosen there."""
    node = {
        "name": "Create task",
        "type": "n8n-nodes-base.httpRequest",
        "typeVersion": 4.2,
        "position": [0, 0],
        "parameters": {
            "method": "POST",
            "url": url,
            "authentication": "genericCredentialType",
            "genericAuthType": "httpHeaderAuth",
            "sendBody": True,
            "specifyBody": "json",
            "jsonBody": body,
            "options": {},
        },
        "notes": "Credential: Header Auth with the name x-api-key and your key as its value.",
    }
    shown = {"nodes": [node], "connections": {}}
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


_PYTHON = """import os, time
import httpx

api = httpx.Client(headers={{"x-api-key": os.environ["{variable}"]}}, timeout=60)
url = "{url}"
task = api.post(url, json={body}).raise_for_status().json()["data"]
while task["status"] not in ("completed", "failed", "cancelled"):
    time.sleep(2)
    task = api.get(f"{{url}}/{{task['task_id']}}").raise_for_status().json()["data"]
print(task["status"], task["output"])"""
# For Node 18 or newer: a browser must not be given a key.
_JAVASCRIPT = """const url = "{url}";
const headers = {{
  "x-api-key": process.env.{variable},
  "Content-Type": "application/json",
}};

async function call(address, options = {{}}) {{
  const answer = await fetch(address, {{ headers, ...options }});
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()).data;
}}

const body = {body};
let task = await call(url, {{ method: "POST", body: JSON.stringify(body) }});
while (!["completed", "failed", "cancelled"].includes(task.status)) {{
  await new Promise((resume) => setTimeout(resume, 2000));
  task = await call(`${{url}}/${{task.task_id}}`);
}}
console.log(task.status, task.output);"""


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _readable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST_VALUE and value.startswith("data:"):
        return f"{value.partition(',')[0]},…"
    return value


def _literal(value: Any, indent: int = 0) -> str:
    """A value as Python source, wrapped like the JSON beside it."""
    if not isinstance(value, dict) or not value:
        return repr(value)
    inner = " " * (indent + 4)
    lines = [f"{inner}{name!r}: {_literal(item, indent + 4)},\n" for name, item in value.items()]
    return "{\n" + "".join(lines) + " " * indent + "}"
