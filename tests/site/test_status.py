"""The status page says how it is and how it was, from sums only, and nothing of anybody's own work."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.selectors import family_title
from apps.catalog import registry
from apps.core import latency
from apps.llm.models import LaneDay
from apps.site import news_bars, news_status
from apps.site.templatetags.site import about, share_text
from apps.tasks.models import FamilyDay
from tests.factories import completed
from tests.factories.announcements import announced

pytestmark = pytest.mark.django_db

FAMILY = next(
    spec for spec in registry.all_specs().values() if spec.model == "modelyard/illustration"
).family
FOREIGN = "kling"


def day(back: int = 1) -> date:
    return datetime.now(UTC).date() - timedelta(days=back)


def counts(completed: int, place: int = 8) -> list[int]:
    found = [0] * latency.CLASSES
    found[place] = completed
    return found


def sums(back: int = 1, family: str = FAMILY, completed: int = 100, failed: int = 0) -> FamilyDay:
    return FamilyDay.objects.create(
        family=family, day=day(back), completed=completed, failed=failed, latency=counts(completed)
    )


def of_family(client: Client, family: str = FAMILY) -> dict[str, Any]:
    families = client.get("/status.json").json()["families"]
    return next(one for one in families if one["family"] == family)


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Its days that say something, by day."""
    return {one["day"]: one["success"] for one in found["by_day"] if one["success"] is not None}


def test_page_says_what_is_there_now_and_how_it_was(client: Client) -> None:
    sums(back=2, completed=97, failed=3)
    sums(back=1)

    page = client.get("/status")

    html = page.content.decode()
    assert page.status_code == 200
    assert '<h1 class="page-title">Status</h1>' in html
    assert page.context["report"].headline == "Everything that is offered here takes work."
    assert "98.5 %" in html
    assert f"Lowest: 97.0 % on {day(2):%-d %b %Y}." in html
    assert of_family(client)["status"] in {"available", "partly available"}
    assert told(of_family(client)) == {day(2).isoformat(): 0.97, day(1).isoformat(): 1.0}


def test_json_has_ninety_days_and_quantiles(client: Client) -> None:
    sums(completed=200)

    found = of_family(client)

    assert len(found["by_day"]) == 90
    assert (found["by_day"][0]["day"], found["by_day"][-1]["day"]) == (
        day(89).isoformat(),
        day(0).isoformat(),
    )
    low, high = latency.BOUNDS_MS[7], latency.BOUNDS_MS[8]
    assert low <= found["p50_ms"] < found["p95_ms"] <= high


@pytest.mark.parametrize(("well", "is_told"), [(19, False), (20, True)])
def test_day_with_few_tasks_says_nothing_and_is_in_no_total(
    client: Client, well: int, is_told: bool
) -> None:
    sums(back=3, completed=50)
    sums(back=1, completed=0, failed=well)

    found = of_family(client)

    assert (day(1).isoformat() in told(found)) == is_told
    assert found["success"] == (1.0 if not is_told else 0.714)


def test_family_with_few_tasks_only_is_too_few_to_say(client: Client) -> None:
    sums(completed=5, failed=5)

    html = client.get("/status").content.decode()

    assert told(of_family(client)) == {}
    assert of_family(client)["p95_ms"] is None
    assert "Too few to say" in html


def test_nothing_of_a_workspace_is_on_the_page(client: Client, workspace: Workspace) -> None:
    done = completed(workspace)
    sums(completed=123_457)

    text = client.get("/status").content.decode() + client.get("/status.json").content.decode()

    hidden = [workspace.slug, workspace.name, str(done.id), "fox in a forest", "123457", "123,457"]
    assert [word for word in hidden if word in text] == []


def test_days_before_the_last_ninety_are_left_out(client: Client) -> None:
    sums(back=90)

    assert told(of_family(client)) == {}


def test_language_models_are_a_family(client: Client) -> None:
    LaneDay.objects.create(day=day(), calls=100, completed=90, by_customer=6, latency=counts(90))

    found = of_family(client, "llm")

    assert (found["title"], told(found)) == ("Language models", {day().isoformat(): 0.957})


def test_family_without_account_and_history_is_not_offered(client: Client) -> None:
    page = client.get("/status")

    titles = [one.title for one in page.context["others"]]
    assert family_title(FOREIGN) in titles
    assert of_family(client, FOREIGN)["status"] == "not offered"


def test_family_that_worked_lately_and_cannot_now_is_said_first(client: Client) -> None:
    sums(family=FOREIGN)

    page = client.get("/status")

    report = page.context["report"]
    assert report.headline == f"{family_title(FOREIGN)} cannot take work right now."
    assert (report.tone, of_family(client, FOREIGN)["status"]) == ("bad", "unavailable")


def test_installation_with_nothing_says_what_to_do(client: Client, settings: Any) -> None:
    settings.LOCAL_ENGINE = False
    settings.LOCAL_MODELS_URL = ""

    html = client.get("/status").content.decode()

    assert "No model is offered here yet." in html
    assert "connects accounts at providers" in html


def test_announcements_are_sorted_by_whether_they_hold(client: Client) -> None:
    now = timezone.now()
    announced("Open.")
    announced("Resolved.", resolved_at=now)
    announced("Ended.", kind="maintenance", ends_at=now - timedelta(minutes=5))
    announced("Ahead.", kind="maintenance", starts_at=now + timedelta(days=1))
    announced("Hidden.", on_status=False, on_strip=False)
    announced("Old.", starts_at=now - timedelta(days=200), resolved_at=now - timedelta(days=199))
    announced("Old and open.", starts_at=now - timedelta(days=200))

    page = client.get("/status")

    states = {
        one["title"]: one["state"] for one in client.get("/status.json").json()["announcements"]
    }
    assert states == {
        "Open.": "open",
        "Resolved.": "over",
        "Ended.": "over",
        "Ahead.": "ahead",
        "Old and open.": "open",
    }
    assert page.context["report"].headline == "Open."
    assert "Hidden." not in page.content.decode()


def test_announcement_is_text_and_no_markup(client: Client) -> None:
    announced("<b>One</b>", text="First <script>x</script>\n\nSecond")

    html = client.get("/status").content.decode()

    assert "<b>One" not in html
    assert "<script>x" not in html
    assert "<p>Second</p>" in html


def test_family_page_has_the_days_as_a_table(client: Client) -> None:
    sums(back=1, completed=99, failed=1)
    sums(back=2, completed=3)
    announced("Of all.")
    announced("Of another.", family=FOREIGN)

    html = client.get(f"/status/{FAMILY}").content.decode()

    assert f"<td>{day(1):%-d %b %Y}</td>" in html
    assert f"<td>{day(2):%-d %b %Y}</td>" not in html
    assert "99.0 %" in html
    assert '<h3 class="h4 mb-1">Of all.</h3>' in html
    assert '<h3 class="h4 mb-1">Of another.</h3>' not in html


@pytest.mark.parametrize("path", ["/status/nothing", "/status/%00", "/status/a%20b", "/status/..."])
def test_unknown_family_is_not_found(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/status", "/status.json", f"/status/{FAMILY}"])
def test_page_asks_sums_only_and_little(
    client: Client, path: str, django_assert_max_num_queries: Any
) -> None:
    for family in registry.families():
        for back in range(5):
            sums(back=back, family=family)
    announced()

    with django_assert_max_num_queries(12), CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200

    tables = " ".join(one["sql"] for one in asked.captured_queries)
    assert "tasks_familyday" in tables
    assert "tasks_task" not in tables
    assert "llm_usage" not in tables


@pytest.mark.parametrize("path", ["/status", "/status.json"])
def test_only_reading_is_allowed(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_json_may_be_read_by_any_page_and_kept_shortly(client: Client) -> None:
    headers = client.get("/status.json").headers

    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "max-age=30, public"


@pytest.mark.parametrize(
    ("well", "failed", "share"), [(1_000_000, 1, 0.999), (100, 0, 1.0), (10, 9, None)]
)
def test_share_is_one_only_when_nothing_failed(well: int, failed: int, share: float | None) -> None:
    assert news_status.Sums(well, failed, ()).success == share


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.999, "99.9+ %"),
        (0.998, "99.8 %"),
        (0.9, "90.0 %"),
        (None, "too few to say"),
    ],
)
def test_shares_are_written_carefully(share: float | None, text: str) -> None:
    assert share_text(share) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "–"),
        (846, "850 ms"),
        (4_230, "4.2 s"),
        (42_300, "42 s"),
        (72_000, "1 min 12 s"),
        (1_800_000, "30 min"),
    ],
)
def test_durations_are_written_as_people_read_them(milliseconds: int | None, text: str) -> None:
    assert about(milliseconds) == text


def test_bars_are_lower_where_it_was_worse_and_gaps_are_gaps() -> None:
    found = dict(news_bars.paths(["ok", "", "bad", "ok"]))

    assert found == {"ok": "M0 0h3v32h-3zM12 0h3v32h-3z", "bad": "M8 20h3v12h-3z"}
