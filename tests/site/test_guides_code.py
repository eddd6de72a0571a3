"""The code that the guides show: receivers of webhooks in four languages against our own signing, and its colours."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.notifications.services import signing
from apps.site import guides

pytestmark = pytest.mark.django_db

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _block(slug: str, language: str, containing: str) -> str:
    found = _FENCE.findall(guides.text_of(slug))
    (code,) = [code for word, code in found if word == language and containing in code]
    return str(code)


_BODY = '{"timestamp": 1, "data": {"task_id": "x", "prompt": "Füchse"}}'
_STANDARD = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
_SECRETS = [_STANDARD, "a plain secret", signing.joined("whsec_AAAA", _STANDARD)]


def _delivery(secret: str, *, now: int) -> dict[str, str]:
    sent = signing.request(
        endpoint="https://shop.example/hook",
        message_id="msg_1",
        sequence=1,
        body=_BODY,
        secret=secret,
        now=now,
    )
    return dict(sent.headers)


def _cases() -> Iterator[tuple[str, dict[str, str], str, bool]]:
    """(secret, headers, body, genuine): what a receiver may meet."""
    now = int(time.time())
    for secret in _SECRETS:
        headers, mine = _delivery(secret, now=now), secret.split("\n")[-1]
        yield mine, headers, _BODY, True
        yield mine, headers, _BODY.replace("x", "y"), False
        yield "whsec_" + base64.b64encode(b"another").decode(), headers, _BODY, False
        yield mine, headers | {"webhook-id": "msg_2"}, _BODY, False
        yield mine, headers | {"webhook-timestamp": str(now - 1)}, _BODY, False
        yield mine, _delivery(secret, now=now - 3600), _BODY, False
        yield mine, _delivery(secret, now=now + 3600), _BODY, False
        yield mine, headers | {"webhook-timestamp": "soon"}, _BODY, False
        yield mine, headers | {"webhook-signature": "v1,é v2,x"}, _BODY, False
        yield mine, {}, _BODY, False


def _python_of(slug: str, containing: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(_block(slug, "python", containing), names)  # noqa: S102 - our own text
    return names


def test_python_verifies_what_we_sign_and_nothing_else() -> None:
    is_genuine: Callable[..., bool] = _python_of("webhooks", "def is_genuine")["is_genuine"]

    for secret, headers, body, genuine in _cases():
        assert is_genuine(secret, headers, body.encode()) is genuine, (secret, headers)


_JAVASCRIPT = """
const cases = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify(cases.map(([s, h, b]) => isGenuine(s, h, Buffer.from(b)))));
"""
_PHP = """
foreach (json_decode(stream_get_contents(STDIN), true) as [$s, $h, $b])
    $told[] = is_genuine($s, $h, $b);
echo json_encode($told);
"""
_GO = """
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	var cases []struct {
		Secret  string
		Headers map[string]string
		Body    string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	told := []bool{}
	for _, one := range cases {
		header := http.Header{}
		for name, value := range one.Headers {
			header.Set(name, value)
		}
		told = append(told, IsGenuine(one.Secret, header, []byte(one.Body)))
	}
	json.NewEncoder(os.Stdout).Encode(told)
}
"""


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"There is no {name} here.")
    return path


def _told(command: list[str | Path], cases: list[Any], **options: Any) -> Any:
    done = subprocess.run(
        command, input=json.dumps(cases), capture_output=True, text=True, check=True, **options
    )
    return json.loads(done.stdout)


def test_javascript_verifies_what_we_sign_and_nothing_else(tmp_path: Path) -> None:
    node, cases, script = _program("node"), list(_cases()), tmp_path / "verify.cjs"
    script.write_text(_block("webhooks", "js", "function isGenuine") + _JAVASCRIPT)

    assert _told([node, script], cases) == [genuine for *_, genuine in cases]


def test_php_verifies_what_we_sign_and_nothing_else(tmp_path: Path) -> None:
    php, cases, script = _program("php"), list(_cases()), tmp_path / "verify.php"
    script.write_text(_block("webhooks", "php", "function is_genuine") + _PHP)

    assert _told([php, script], cases) == [genuine for *_, genuine in cases]


def test_go_verifies_what_we_sign_and_nothing_else(tmp_path: Path) -> None:
    go, cases = _program("go"), list(_cases())
    code = _block("webhooks", "go", "func IsGenuine")
    (tmp_path / "hooks.go").write_text(code.replace("package hooks", "package main"))
    (tmp_path / "main.go").write_text(_GO)
    given = [{"Secret": s, "Headers": h, "Body": b} for s, h, b, _ in cases]

    told = _told([go, "run", "hooks.go", "main.go"], given, cwd=tmp_path)

    assert told == [genuine for *_, genuine in cases]


def test_plain_secret_is_compared() -> None:
    names = _python_of("webhooks", "def is_genuine")
    exec(_block("webhooks", "python", "def has_the_secret"), names)  # noqa: S102 - our own text
    headers = _delivery("a plain secret", now=1)

    assert names["has_the_secret"]("a plain secret", headers)
    assert not names["has_the_secret"]("another", headers)
    assert not names["has_the_secret"]("a plain secret", {})


@pytest.mark.parametrize("slug", guides.SLUGS)
def test_python_and_json_can_be_read(slug: str) -> None:
    for language, code in _FENCE.findall(guides.text_of(slug)):
        if language == "python":
            compile(code, slug, "exec")
        elif language == "json":
            json.loads(code)


# ------------------------------------------------------------------------- colours
def _tokens(css: str, selector: str) -> dict[str, str]:
    rule = css[css.index(selector) :].partition("}")[0]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rule))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [":root", '[data-bs-theme="dark"]'])
def test_code_can_be_read_in_both_themes(theme: str) -> None:
    tokens = _tokens((settings.BASE_DIR / "static/css/app.css").read_text(), theme)
    css = (settings.BASE_DIR / "static/css/guides.css").read_text()
    used = re.findall(r"^\.code-coloured .*color: var\(--(\w+)\)", css, re.MULTILINE)
    ground = _luminance(tokens["idle-bg"])

    assert len(used) == 5
    for name in used:
        darker, lighter = sorted((_luminance(tokens[name]), ground))
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, name
