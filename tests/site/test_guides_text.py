"""What the guides say is so: links, settings, addresses, numbers, and code that is run."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import Resolver404, resolve

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.accounts.policies import Feature
from apps.api.v1.tasks import MAX_IDS
from apps.core.envelopes import ERROR_KINDS
from apps.gateway.events import MAX_STREAMS
from apps.notifications import policies as deliveries
from apps.notifications.services import signing
from apps.notifications.services.forget import DAYS as KEEP_DAYS
from apps.site import guides
from apps.site.guides import facts, refusals
from apps.tasks.models import FailureCode
from apps.tasks.services import penalties
from config.asgi import _is_streaming

pytestmark = pytest.mark.django_db

_FOLDER = settings.BASE_DIR / "docs" / "guides"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
# Names that programs of others read, or that an example makes up.
_FOREIGN = {"MODELYARD_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY", "POOL_CREDENTIAL"}
# Other gateways' addresses, in the guide about moving from there, and what the guides say is not here.
_ELSEWHERE = {"/mj/submit/imagine", "/suno/submit/music", "/v1/responses/…"}


def _texts() -> Iterator[tuple[str, str]]:
    return ((slug, guides.text_of(slug)) for slug in guides.SLUGS)


def _block(slug: str, language: str, containing: str) -> str:
    found = _FENCE.findall(guides.text_of(slug))
    (code,) = [code for word, code in found if word == language and containing in code]
    return str(code)


# --------------------------------------------------------------------- whole texts
def test_every_file_is_a_guide() -> None:
    assert {path.stem for path in _FOLDER.iterdir()} == set(guides.SLUGS)
    assert len(set(guides.SLUGS)) == len(guides.SLUGS)
    assert "api" not in guides.SLUGS


@pytest.mark.parametrize("slug", guides.SLUGS)
def test_words_are_ours(slug: str) -> None:
    page = guides.guide_of(slug).page
    prose = _FENCE.sub("", guides.text_of(slug))

    assert not re.search(r"\b(please|oops|simply|easy|just)\b|!", prose, re.IGNORECASE)
    assert page.summary.endswith(".")
    assert len(page.summary) < 160


# -------------------------------------------------------------- links and addresses
@pytest.mark.parametrize("slug", guides.SLUGS)
def test_links_lead_somewhere(slug: str) -> None:
    page = guides.guide_of(slug).page
    anchors = {g.slug: {h.anchor for h in g.page.headings} for g in guides.every_guide()}

    for target in re.findall(r'<a href="([^"]+)"', page.html):
        path, _, anchor = target.partition("#")
        if path.startswith("https://"):
            continue
        at = path.removeprefix("/docs/") if path else slug
        if at in anchors:
            assert not anchor or anchor in anchors[at], target
        else:
            assert path.startswith("/"), target
            resolve(path)


def _paths(text: str) -> Iterator[str]:
    code = "\n".join([*_CODE.findall(_FENCE.sub("", text)), *(c for _, c in _FENCE.findall(text))])
    base = re.escape(settings.BASE_URL)
    yield from re.findall(rf"{base}(/[^\s\"'`?$]+)", code)
    yield from re.findall(r"\b(?:GET|POST|DELETE) (/[^\s\"'`?,]+)", code)
    yield from re.findall(r"api\.\w+\(\"(/[^\"]+)\"", code)
    yield from (c for c in _CODE.findall(_FENCE.sub("", text)) if re.match(r"/[a-z]+/?", c))


@pytest.mark.parametrize("slug", guides.SLUGS)
def test_addresses_exist(slug: str) -> None:
    for path in set(_paths(guides.text_of(slug))) - _ELSEWHERE:
        concrete = re.sub(r"\{\w+\}", "d7055393-6bcf-4b35-8889-d2981fcdeda5", path)
        assert _is_streaming(concrete) or concrete == "/v1" or _is_a_route(concrete), path


def _is_a_route(path: str) -> bool:
    if path in {"/mj/v2", "/files"}:  # prefixes, in sentences
        return True
    try:
        return resolve(path).url_name != "unknown"
    except Resolver404:
        return False


def test_addresses_are_looked_for() -> None:
    found = {path for _, text in _texts() for path in _paths(text)}

    assert {"/api/v1/task", "/account/info", "/readyz", "/api/v1/task/{task_id}/events"} <= found
    assert not _is_a_route("/api/v1/tusk")
    assert not _is_a_route("/no/such")


@pytest.mark.parametrize("slug", guides.SLUGS)
def test_settings_and_files_exist(slug: str) -> None:
    text = guides.text_of(slug)
    example = (settings.BASE_DIR / ".env.example").read_text()
    known = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)) | _FOREIGN

    named = re.findall(r"\b([A-Z]+(?:_[A-Z0-9]+)+)\b", _FENCE.sub("", text))
    assigned = re.findall(r"^(?:export )?([A-Z][A-Z_]+)=", text, re.MULTILINE)
    files = re.findall(r"`((?:docs/)?[\w./-]+\.md|Procfile|\.env\.example)`", text)
    assert {*named, *assigned} <= known
    assert all((settings.BASE_DIR / name).is_file() for name in files)


def test_commands_exist() -> None:
    text = guides.text_of("self-hosting") + guides.text_of("from-one-api")
    commands = {"migrate", "collectstatic", "createsuperuser", "check"}
    commands |= {path.stem for path in settings.BASE_DIR.glob("apps/*/management/commands/*.py")}

    named = set(re.findall(r"\./run manage (\w+)", text))
    assert {"pool", "audit_credits", "reconcile_payments"} <= named <= commands


def test_proxy_sends_to_the_gateway_what_is_the_gateways() -> None:
    pattern = re.compile(
        re.search(r"location ~ (\S+) \{", guides.text_of("self-hosting"))[1]  # type: ignore[index]
    )
    streams = [
        "/v1/models",
        "/v1/chat/completions/",
        "/api/v1/task/x/events",
        "/api/v1/task/x/events/",
        "/api/chatgpt/v1/conversation",
        "/w/acme/chat/stream",
        "/w/acme/conversations/x/stream",
    ]
    rest = ["/", "/v10", "/api/v1/task/x", "/docs/", "/w/acme/chat", "/w/acme/tasks", "/readyz"]

    assert all(pattern.search(path) and _is_streaming(path) for path in streams)
    assert not any(pattern.search(path) or _is_streaming(path) for path in rest)


# ------------------------------------------------------------------------- numbers
def test_every_refusal_and_failure_has_words() -> None:
    assert set(refusals.REFUSED) == set(ERROR_KINDS)
    assert set(refusals.FAILED) == set(FailureCode) - {FailureCode.NONE}
    assert set(facts._FEATURES) == set(Feature)


def test_tables_of_errors_have_a_row_for_each() -> None:
    text = guides.text_of("errors")

    for kind in ERROR_KINDS.values():
        assert f"| {kind.http} | {kind.code} | `{kind.type}` | " in text
    for code in refusals.FAILED:
        assert f"| {code.value} | `{code.label}` | " in text


def test_unknown_value_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="no_such_value"):
        facts.filled_in("{{ no_such_value }}")


@pytest.mark.parametrize(
    ("days", "says"), [(180, "can be spent for 180 days"), (0, "do not expire")]
)
def test_end_of_credits_is_the_settings(days: int, says: str, settings: Any) -> None:
    settings.CREDITS_EXPIRE_DAYS = days

    assert f"Bought credits {says}." in guides.text_of("billing")


@pytest.fixture
def sold_plans() -> Iterator[None]:
    """Nobody believes afterwards what was sold in this test."""
    plans.forget()
    yield
    plans.forget()


@pytest.mark.usefixtures("sold_plans")
def test_plans_are_those_that_are_sold_today() -> None:
    before = guides.text_of("limits")
    terms = replace(plans.newest_terms(plan=Plan.DEVELOPER), concurrent_tasks=17)
    plans.publish(plan=Plan.DEVELOPER, terms=terms, actor=None, note="More at once.")
    plans.forget()

    after = guides.guide_of("limits").page.html

    assert "| Tasks of one family at once | 2 | 10 | 30 |" in before
    assert "<td>17</td>" in after


def test_numbers_that_are_typed_are_those_of_the_code() -> None:
    limits, tasks, webhooks = (guides.text_of(s) for s in ("limits", "tasks", "webhooks"))
    assert f"| open event streams of a workspace | {MAX_STREAMS} |" in limits
    assert f"| tasks read at once, `?ids=` | {MAX_IDS} |" in limits
    assert f"Up to {MAX_IDS} at once" in tasks
    assert f"are kept for {KEEP_DAYS} days" in webhooks
    assert f"| the log of webhook deliveries | {KEEP_DAYS} days |" in limits


def test_allowances_are_those_of_the_code() -> None:
    text = " ".join(guides.text_of("billing").split())
    hobbyist, developer, premium = penalties.INCORRECT.values()

    assert developer == premium
    assert f"from the {developer + 1}st incorrect one of a day on" in text
    assert (
        f"On Hobbyist no further Midjourney task is taken on a day with more than {hobbyist}"
        in text
    )
    relax = "{}, {} and {} a day".format(*penalties.RELAX.values())
    assert f"Relax tasks beyond {relax} (Hobbyist, Developer, Premium) cost double" in text


def test_attempts_are_those_of_the_code() -> None:
    waits = [
        deliveries.wait_seconds(attempts=attempts, age_seconds=0) or 0 for attempts in range(1, 9)
    ]
    told = [5, 5, 60, 600, 3600, 6 * 3600, 24 * 3600, 12 * 3600]

    assert all(said <= wait <= said * 1.1 for said, wait in zip(told, waits, strict=True))
    five_days = 5 * 24 * 3600
    assert deliveries.wait_seconds(attempts=20, age_seconds=five_days - 13 * 3600) is not None
    assert deliveries.wait_seconds(attempts=20, age_seconds=five_days) is None


# ---------------------------------------------------------------- code that is run
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
