import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.accounts import plans
from apps.accounts.models import Plan, Workspace
from apps.accounts.policies import PLAN_TERMS, Feature
from apps.catalog import registry
from apps.site.catalogue import levers
from tests.site.catalogue import set_price

pytestmark = pytest.mark.django_db

KLING = "what=kling/video_generation"


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


def totals(page: Any) -> dict[str, int]:
    return {one.card.plan: one.total for one in page.context["month"].options}


def usd(amount: str) -> int:
    return int(Decimal(amount) * 10_000_000)


# --------------------------------------------------------------------------- the calculator
def test_page_begins_with_something_that_can_be_called(client: Client) -> None:
    page = client.get("/pricing")

    assert page.context["entry"].is_callable
    assert page.context["month"].best is not None


def test_month_is_calls_times_price_and_the_plan(client: Client) -> None:
    page = client.get(f"/pricing?{KLING}&count=1000")

    # 1000 × $0.195; $10 of credits come with Premium.
    assert totals(page) == {
        Plan.HOBBYIST: usd("195"),
        Plan.DEVELOPER: usd("210"),
        Plan.PREMIUM: usd("245"),
    }
    assert page.context["month"].best.card.plan == Plan.HOBBYIST
    assert "1,000 × $0.195" in text(page)


def test_credits_of_a_plan_pay_no_more_than_the_work(client: Client) -> None:
    page = client.get("/pricing?what=Qubico/flux1-schnell/txt2img&count=1")

    assert totals(page)[Plan.PREMIUM] == usd("60")


def test_parameters_change_the_price(client: Client) -> None:
    page = client.get(f"/pricing?{KLING}&count=10&p_duration=10&p_mode=pro")

    assert totals(page)[Plan.HOBBYIST] == usd("6.60")


def test_parameter_that_counts_only_with_another_is_asked_for(client: Client) -> None:
    quiet = client.get(f"/pricing?{KLING}&count=1&p_version=3.0")
    loud = client.get(f"/pricing?{KLING}&count=1&p_version=3.0&p_enable_audio=True")

    assert (totals(quiet)[Plan.HOBBYIST], totals(loud)[Plan.HOBBYIST]) == (usd("0.5"), usd("0.75"))


def test_plan_that_runs_too_few_at_once_does_not_fit(client: Client) -> None:
    page = client.get(f"/pricing?{KLING}&count=1000&at_once=11")

    assert page.context["month"].best.card.plan == Plan.PREMIUM
    assert "2 run at once; the rest of your 11 wait in line." in text(page)


def test_more_at_once_than_any_plan_has_fits_none(client: Client) -> None:
    page = client.get(f"/pricing?{KLING}&at_once=5000")

    assert page.context["month"].best is None
    assert "No plan fits." in text(page)


def test_model_that_needs_a_plan_fits_from_there(client: Client) -> None:
    page = client.get("/pricing?what=gpt-4o&count=1000&input_tokens=1000&output_tokens=1000")

    # 1000 × (1000 × $1.875 + 1000 × $7.50) / 1M = $9.375
    assert page.context["month"].best.card.plan == Plan.DEVELOPER
    assert totals(page)[Plan.DEVELOPER] == usd("24.375")
    assert "The Hobbyist plan does not include GPT-4o." in text(page)


def test_terms_are_those_that_are_sold_today(client: Client) -> None:
    terms = PLAN_TERMS[Plan.DEVELOPER]
    plans.publish(
        plan=Plan.DEVELOPER,
        terms=type(terms)(
            rank=1, share=2, concurrent_tasks=77, retention_days=7, price_points=usd("19"),
            features=frozenset({Feature.PREMIUM_LLM}),
        ),
        actor=None,
        note="Test",
    )  # fmt: skip
    plans.forget()

    page = client.get(f"/pricing?{KLING}&count=1&at_once=50")

    plans.forget()
    assert page.context["month"].best.total == usd("19.195")
    assert "77 tasks of a family at once" in text(page)


def test_price_of_a_plan_counts_on_that_plan_only(client: Client) -> None:
    set_price("kling", "extend_video", "1000", plan=Plan.PREMIUM)

    page = client.get("/pricing?what=kling/extend_video&count=10")

    assert totals(page) == {
        Plan.HOBBYIST: usd("1.95"),
        Plan.DEVELOPER: usd("16.95"),
        Plan.PREMIUM: usd("60"),
    }


@pytest.mark.parametrize("name", list(registry.all_specs()))
def test_every_task_type_can_be_worked_out(name: tuple[str, str], client: Client) -> None:
    page = client.get(f"/pricing?what={'/'.join(name)}&count=7", headers={"HX-Request": "true"})

    assert page.context["what"] == "/".join(name)
    assert page.context["month"] is not None, page.context["form"].errors


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("tts-1", usd("0.015")),
        ("whisper-1", usd("0.03")),
        ("text-embedding-ada-002", usd("0.0001")),
        ("gpt-4o-image", usd("0.02")),
        ("local-moderation", usd("0.000001")),
        ("gpt-image-2-preview", usd("0.02")),
    ],
)
def test_models_are_counted_by_what_they_are_priced_by(
    name: str, points: int, client: Client
) -> None:
    page = client.get(f"/pricing?what={name}&count=1")

    assert page.context["month"].options[0].each == points


def test_model_without_price_says_so(client: Client) -> None:
    page = client.get("/pricing?what=gpt-5")

    assert "GPT-5 is not priced here, so it cannot be called." in text(page)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("count=0", "Calls a month: Give 1 or more."),
        ("count=-5", "Calls a month: Give 1 or more."),
        ("count=1e9", "Calls a month: Give a whole number."),
        (f"count={'9' * 50}", "Calls a month: Give 1,000,000,000 or less."),
        (f"count={'9' * 5000}", "Calls a month: Give a whole number."),
        ("count=<b>", "Calls a month: Give a whole number."),
        ("count=%00", "Calls a month: Give a whole number."),
        ("p_duration=99", "Seconds: Give 15 or less."),
        ("p_duration=7", "Seconds: duration must be 5 or 10 in version 1.6."),
        ("p_version=<b>", "Version: Choose one of the list."),
        ("at_once=", "A month"),
    ],
)
def test_what_makes_no_sense_is_answered_with_a_sentence(
    query: str, sentence: str, client: Client
) -> None:
    page = client.get(f"/pricing?{KLING}&{query}")

    assert page.status_code == 200
    assert sentence in text(page)
    assert "<b>" not in page.content.decode()


@pytest.mark.parametrize("what", ["nothing", "<b>x</b>", "%00", "x" * 5000])
def test_unknown_model_is_said_and_replaced(what: str, client: Client) -> None:
    page = client.get(f"/pricing?what={what}")

    assert (page.status_code, "There is no model of this name here." in text(page)) == (200, True)
    assert "<b>x" not in page.content.decode()


def test_htmx_gets_the_part_it_replaces(client: Client) -> None:
    table = client.get("/pricing?q=kling", headers={"HX-Request": "true", "HX-Target": "prices"})
    calculator = client.get(f"/pricing?{KLING}", headers={"HX-Request": "true"})

    assert table.content.decode().lstrip().startswith('<div id="prices">')
    assert calculator.content.decode().lstrip().startswith('<div id="calculator"')


def test_page_asks_little_of_the_database(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        client.get("/pricing")


# ------------------------------------------------------------------------ plans and rules
def test_plans_stand_side_by_side(client: Client) -> None:
    page = text(client.get("/pricing"))

    assert "10 tasks of a family at once, 50 more wait in line" in page
    assert "$10.00 of credits come with every month" in page
    assert "Choose the own account that takes a task" in page


def test_rules_say_what_is_set(client: Client, settings: Any) -> None:
    settings.CREDITS_EXPIRE_DAYS = 0
    settings.SIGNUP_GRANT_POINTS = 0

    page = text(client.get("/pricing"))

    assert "Bought credits do not expire." in page
    assert "A new workspace starts with" not in page


# ------------------------------------------------------------------------------- the table
def rows(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/pricing.csv{query}")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    content = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content)))


def test_csv_has_every_rate_as_a_plain_number(client: Client) -> None:
    found = rows(client)

    music = next(row for row in found if row["model"] == "modelyard/music")
    assert music == {
        "kind": "audio",
        "model": "modelyard/music",
        "task_type": "text-to-music",
        "title": "Procedural music",
        "rate": "second",
        "unit": "s",
        "usd": "0.00005",
        "plan": "",
        "state": "available",
    }
    tasks = [row for row in found if row["task_type"]]
    assert len(tasks) == sum(len(spec.rates) for spec in registry.all_specs().values())


def test_csv_says_what_has_no_price(client: Client) -> None:
    assert [(row["usd"], row["state"]) for row in rows(client, "?q=gpt-5.2")] == [
        ("", "not priced")
    ]


def test_csv_has_a_line_for_the_price_of_a_plan_and_none_for_a_workspaces(
    client: Client, workspace: Workspace
) -> None:
    set_price("Qubico/flux1-schnell", "txt2img", "10000", rate="image", plan=Plan.PREMIUM)
    set_price("Qubico/flux1-schnell", "txt2img", "777", rate="image", workspace=workspace)

    found = [(row["usd"], row["plan"]) for row in rows(client, "?q=flux1-schnell+txt2img")]

    assert found == [("0.002", ""), ("0.001", "Premium")]


def test_table_search_without_result_says_how_to_go_on(client: Client) -> None:
    assert "No prices match." in text(client.get("/pricing?q=nothing-of-the-kind"))


# ------------------------------------------------------------------------------ the levers
@pytest.mark.parametrize("name", list(registry.all_specs()))
def test_an_input_is_found_for_every_task_type(name: tuple[str, str]) -> None:
    base = levers.base_input(name)

    assert base is not None
    assert levers.charges(registry.all_specs()[name], base)


def test_levers_are_what_the_price_depends_on() -> None:
    found = [lever.name for lever in levers.levers(("kling", "video_generation"))]

    assert found == ["version", "mode", "duration", "enable_audio"]
    assert levers.levers(("modelyard/illustration", "text-to-image")) == ()
