"""What the guides say is so: links, settings, addresses and numbers."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.urls import Resolver404, resolve

from apps.accounts import plans
from apps.accounts.models import Plan
from apps.accounts.policies import Feature
from apps.api.v1.tasks import MAX_IDS
from apps.core.envelopes import ERROR_KINDS
from apps.gateway.following import MAX_STREAMS
from apps.notifications import policies as deliveries
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


# --------------------------------------------------------------------- whole texts
def test_every_file_is_a_guide() -> None:
    assert {path.stem for path in _FOLDER.glob("*.md")} == set(guides.SLUGS)
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
        "/w/acme/tasks/x/events",
    ]
    rest = [
        "/",
        "/v10",
        "/api/v1/task/x",
        "/docs/",
        "/w/acme/chat",
        "/w/acme/tasks",
        "/w/acme/tasks/x",
        "/readyz",
    ]

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
