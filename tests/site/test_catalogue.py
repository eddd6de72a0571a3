from datetime import date
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Plan, Workspace
from apps.catalog import registry
from apps.catalog.llm.registry import llm_models
from apps.site.catalogue import entries
from apps.site.catalogue.entries import State
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.byoa import account, own_account
from tests.site.catalogue import set_price
from tests.site.test_status import sums

pytestmark = pytest.mark.django_db

FLUX, LOCAL = "/models/Qubico/flux1-schnell/txt2img", "/models/modelyard/parallax/image-to-video"


def names(page: Any) -> list[str]:
    return [one.name for one in page.context["found"]]


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


# --------------------------------------------------------------------------------- the list
def test_list_has_every_task_type_and_every_model_that_is_not_retired(client: Client) -> None:
    specs = [f"{model} {task_type}" for model, task_type in registry.all_specs()]
    today = date.today()  # noqa: DTZ011
    models = [model.id for model in llm_models().values() if not model.is_retired(today)]

    page = client.get("/models")

    assert sorted(names(page)) == sorted(specs + models)
    assert "dall-e-2" not in names(page)


def test_list_shows_what_can_be_called_first(client: Client) -> None:
    states = [one.is_callable for one in client.get("/models").context["found"]]

    assert states == sorted(states, reverse=True)
    assert {True, False} == set(states)


def test_search_finds_every_word_in_any_order(client: Client) -> None:
    assert names(client.get("/models?q=VIDEO+kling+turbo")) == ["kling-turbo video_generation"]


def test_search_finds_an_alias(client: Client) -> None:
    assert names(client.get("/models?q=gpt-4o-2024-08-06")) == ["gpt-4o"]


def test_kind_shows_tasks_and_models_side_by_side(client: Client) -> None:
    found = names(client.get("/models?kind=image"))

    assert {"gpt-image-2-preview", "midjourney imagine"} <= set(found)
    assert "kling video_generation" not in found


def test_chips_count_what_fits_the_other_filters(client: Client) -> None:
    page = client.get("/models?q=kling&kind=audio")

    counts = {chip["word"]: chip["count"] for chip in page.context["chips"]}
    assert (counts["Music and speech"], counts["Images"]) == (1, 1)
    assert "3D" not in counts
    assert [chip["query"] for chip in page.context["chips"] if chip["word"] == "Images"] == [
        "q=kling&kind=image"
    ]


def test_only_available_leaves_out_what_nobody_serves(client: Client) -> None:
    found = client.get("/models?available=1").context["found"]

    assert "modelyard/ocr ocr" in [one.name for one in found]
    assert {one.is_callable for one in found} == {True}


def test_account_makes_a_model_available(client: Client) -> None:
    account(provider="openai")

    states = {one.name: one.state for one in client.get("/models?q=gpt").context["found"]}

    assert states["gpt-4o"] == State.AVAILABLE
    assert states["gpt-4"] == State.UNPRICED


def test_account_of_a_workspace_makes_nothing_available(
    client: Client, workspace: Workspace
) -> None:
    own_account(workspace, family="llm", provider="openai")

    assert names(client.get("/models?q=gpt-4o&available=1")) == []


@pytest.mark.parametrize("sort", ["name", "price"])
def test_list_can_be_sorted(sort: str, client: Client) -> None:
    found = client.get(f"/models?sort={sort}").context["found"]

    keys = [
        one.title.lower() if sort == "name" else (one.tag is None, one.tag and one.tag.number)
        for one in found
        if sort == "name" or one.tag
    ]
    assert keys == sorted(keys)
    assert sort == "name" or found[-1].tag is None


def test_nothing_found_says_how_to_go_on(client: Client) -> None:
    page = client.get("/models?q=nothing-of-the-kind")

    assert "No models match." in text(page)
    assert 'href="/models">Clear filters' in text(page)


def test_htmx_gets_the_list_alone(client: Client) -> None:
    page = client.get("/models?q=kling", headers={"HX-Request": "true"})

    assert page.content.decode().lstrip().startswith('<section id="models"')
    assert "HX-Request" in page.headers["Vary"]


@pytest.mark.parametrize(
    "query",
    [
        "q=<script>alert(1)</script>",
        "q=%00&kind=%00&sort=%00",
        "kind=nothing&sort=nothing&available=nothing",
        f"q={'x' * 5000}",
        "q=%F0%9F%98%80%ff",
    ],
)
def test_strange_filters_are_no_error(query: str, client: Client) -> None:
    page = client.get(f"/models?{query}")

    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()


def test_list_asks_little_of_the_database(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        client.get("/models")


# ---------------------------------------------------------------------------------- a price
def test_card_says_the_lowest_price(client: Client) -> None:
    tags = {one.name: one.price_words for one in client.get("/models").context["found"]}

    assert tags["Qubico/flux1-schnell txt2img"] == "$0.002 / image"
    # 0.195 for 5 s is less than 0.10 for one.
    assert tags["kling video_generation"] == "from $0.195 / 5 s"
    assert tags["gpt-4o-mini"] == "$0.1125 in, $0.45 out / 1M tokens"
    assert tags["gpt-4o-image"] == "from $0.00066 / answer without a picture"
    assert tags["music-s lyrics"] == "free"
    assert tags["gpt-5"] == "Not priced here, so it cannot be called"


def test_operators_price_replaces_the_lists(client: Client) -> None:
    set_price("Qubico/flux1-schnell", "txt2img", "12345.678", rate="image")

    assert client.get("/models?q=flux1-schnell+txt2img").context["found"][0].price_words == (
        "$0.0012345678 / image"
    )


def test_price_of_a_workspace_is_nobody_elses_business(
    client: Client, workspace: Workspace
) -> None:
    set_price("Qubico/flux1-schnell", "txt2img", "777", rate="image", workspace=workspace)

    page = client.get(FLUX)

    assert "$0.002" in text(page)
    assert "0.0000777" not in text(page)


def test_price_of_another_plan_stands_beside(client: Client) -> None:
    set_price("Qubico/flux1-schnell", "txt2img", "10000", rate="image", plan=Plan.PREMIUM)

    page = client.get(FLUX)

    assert page.context["entry"].rates[0].others == (("Premium", 10000),)
    assert "Premium: $0.001" in text(page)


def test_price_of_the_first_plan_is_the_price(client: Client) -> None:
    set_price("Qubico/flux1-schnell", "txt2img", "10000", rate="image", plan=Plan.HOBBYIST)

    rate = client.get(FLUX).context["entry"].rates[0]

    assert (rate.text, [plan for plan, _ in rate.others]) == (
        "$0.001 / image",
        ["Developer", "Premium"],
    )


def test_operators_price_makes_a_model_callable(client: Client) -> None:
    set_price("gpt-5", "chat", "10", rate="input")
    set_price("gpt-5", "chat", "80", rate="output")

    entry = client.get("/models/gpt-5").context["entry"]

    assert entry.price_words == "$1.00 in, $8.00 out / 1M tokens"
    assert entry.state == State.OFF


# ----------------------------------------------------------------------------- a task type
@pytest.mark.parametrize("name", list(registry.all_specs()))
def test_every_task_type_has_a_page_that_asks_little(
    name: tuple[str, str], client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        page = client.get("/models/" + "/".join(name))

    spec = registry.all_specs()[name]
    assert (page.status_code, page.context["spec"]) == (200, spec)
    assert page.context["examples"]
    assert {one.name for one in page.context["parameters"]} >= set(spec.input.model_fields)


def test_example_is_computed_from_the_formula(client: Client) -> None:
    page = client.get("/models/modelyard/parallax/image-to-video")

    assert "4 s × $0.002 = <strong>$0.008</strong>" in text(page)
    assert "Seconds: 10" in text(page)


def test_example_follows_the_operators_price(client: Client) -> None:
    set_price("modelyard/parallax", "image-to-video", "70000", rate="second")

    assert "4 s × $0.007 = <strong>$0.028</strong>" in text(client.get(LOCAL))


def test_parameters_say_type_range_and_need(client: Client) -> None:
    rows = {one.name: one for one in client.get(LOCAL).context["parameters"]}

    assert (rows["image"].type, rows["image"].is_required) == ("image: URL or base64", True)
    assert (rows["duration"].limits, rows["duration"].default) == ("2 to 10", "4")
    assert rows["motion"].choices == ("left", "right", "zoom_in", "orbit")


def test_parameters_of_parts_are_told_too(client: Client) -> None:
    page = client.get("/models/kling/video_generation")

    rows = {one.name: one for one in page.context["parameters"]}
    assert rows["camera_control.config.pan"].limits == "-10 to 10"
    assert rows["multi_shots[].prompt"].is_required


def test_request_is_one_that_the_task_type_takes(client: Client) -> None:
    page = client.get("/models/Qubico/image-toolkit/background-remove")

    assert '"model": "Qubico/image-toolkit"' in page.context["code"].curl
    assert "https://example.com/your-image.png" in page.context["code"].javascript


def test_page_of_what_is_off_offers_what_is_not(client: Client) -> None:
    page = client.get(FLUX)

    assert "Nobody can serve Flux schnell here now." in text(page)
    assert [one.is_callable for one in page.context["others"]] == [True] * 3
    assert {one.kind.value for one in page.context["others"]} == {"image"}
    assert page.context["try_url"] == ""


def test_other_name_leads_to_the_page(client: Client) -> None:
    assert client.get("/models/suno/music").headers["Location"] == "/models/music-s/generate_music"
    assert client.get("/models/gpt-4o/").headers["Location"] == "/models/gpt-4o"


def test_model_without_task_type_leads_to_its_list(client: Client) -> None:
    assert client.get("/models/Qubico/flux1-dev").headers["Location"] == (
        "/models?q=Qubico%2Fflux1-dev"
    )


@pytest.mark.parametrize(
    "name", ["nothing", "kling/nothing", "<b>x", "%00/%00", "x" * 3000, "a/b/c/d"]
)
def test_unknown_model_is_404_with_a_sentence(name: str, client: Client) -> None:
    page = client.get(f"/models/{name}")

    assert (page.status_code, "There is no model" in text(page)) == (404, True)
    assert "<b>x" not in page.content.decode()


def test_unknown_task_type_offers_those_of_the_model(client: Client) -> None:
    page = client.get("/models/kling/nothing")

    assert "kling video_generation" in [one.name for one in page.context["alike"]]


# ---------------------------------------------------------------------------------- an LLM
@pytest.mark.parametrize("name", [one.name for one in entries.llm_models().values()])
def test_every_model_has_a_page_unless_it_is_retired(
    name: str, client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(12):
        page = client.get(f"/models/{name}")

    model = llm_models()[name]
    is_gone = model.is_retired(date.today())  # noqa: DTZ011
    assert page.status_code == (404 if is_gone else 200)
    assert is_gone or page.context["model"] is model


def test_page_of_a_model_says_rates_facts_and_end(client: Client) -> None:
    page = text(client.get("/models/gpt-4o"))

    assert "1M tokens read from a cache" in page
    assert "$0.9375" in page
    assert "128,000 tokens" in page
    assert "14 January 2027" in page
    assert "/v1/chat/completions" in page
    assert "/v1/messages" in page
    assert "Included from the Developer plan up." in page
    assert "base_url=&quot;http://testserver/v1&quot;" in page


def test_page_of_a_model_without_price_says_that_it_cannot_be_called(client: Client) -> None:
    page = text(client.get("/models/gpt-5"))

    assert "GPT-5 is not priced here, so it cannot be called." in page


def test_page_of_a_retired_model_says_what_to_call_instead(client: Client) -> None:
    page = client.get("/models/dall-e-3")

    assert page.status_code == 404
    assert "was retired on 2026-05-12; use gpt-image-2-preview instead." in text(page)
    assert 'href="/models/gpt-image-2-preview"' in text(page)


def test_model_by_another_name_leads_to_its_page(client: Client) -> None:
    assert client.get("/models/gpt-image-2").headers["Location"] == "/models/gpt-image-2-preview"


def test_stand_in_says_what_it_is(client: Client, settings: Any) -> None:
    settings.SANDBOX_ENGINE = True
    settings.LOCAL_MODELS_URL = "http://127.0.0.1:9"

    page = client.get("/models/gpt-4o")

    assert page.context["entry"].state == State.STAND_IN
    assert "A stand-in answers here." in text(page)


# ----------------------------------------------------------------------------- the way in
def test_stranger_signs_up_and_comes_back(client: Client) -> None:
    page = client.get("/try/modelyard/ocr/ocr")

    assert page.headers["Location"] == "/auth/signup/?next=%2Ftry%2Fmodelyard%2Focr%2Focr"


def test_member_comes_to_the_playground_of_last_time(client: Client) -> None:
    first = WorkspaceFactory.create(name="A")
    person = owner_of(first)
    second = WorkspaceFactory.create(name="B", owner=person)
    client.force_login(person)

    assert client.get("/try/modelyard/ocr/ocr").headers["Location"] == (
        f"/w/{first.slug}/play/modelyard/ocr/ocr"
    )
    client.get(f"/w/{second.slug}/")
    assert client.get("/try/modelyard/ocr/ocr").headers["Location"] == (
        f"/w/{second.slug}/play/modelyard/ocr/ocr"
    )


def test_member_comes_to_the_chat_with_a_model(client: Client, workspace: Workspace) -> None:
    client.force_login(owner_of(workspace))

    assert client.get("/try/gpt-4o").headers["Location"] == (
        f"/w/{workspace.slug}/chat?model=gpt-4o"
    )


@pytest.mark.parametrize("name", ["nothing", "tts-1", "dall-e-2", "gpt-4-gizmo-*"])
def test_what_has_no_playground_cannot_be_tried(name: str, client: Client) -> None:
    assert client.get(f"/try/{name}").status_code == 404


def test_model_page_says_how_its_family_worked_lately(client: Client) -> None:
    sums(family="kling", completed=38, failed=2)
    sums(family="flux", completed=0, failed=40)

    page = client.get("/models/kling/video_generation").content.decode()

    assert "<strong>95.0 %</strong> went well on 1 day of 90." in " ".join(page.split())
    assert 'href="/status/kling"' in page


def test_page_of_a_chat_model_shows_the_language_lane(client: Client) -> None:
    page = client.get("/models/gpt-4o").content.decode()

    assert 'href="/status/llm"' in page
