from base64 import b64decode
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Plan, Workspace
from apps.catalog import registry
from apps.catalog.models import PriceOverride
from apps.tasks.models import Task
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, completed, owner_of, task

ILLUSTRATION = "modelyard/illustration/text-to-image"
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HTMX = {"HX-Request": "true"}


def _path(workspace: Workspace, name: str = ILLUSTRATION, page: str = "play") -> str:
    return f"/w/{workspace.slug}/{page}/{name}"


def _tasks(workspace: Workspace) -> list[Task]:
    return list(Task.objects.of(workspace.pk))


@pytest.mark.parametrize("name", registry.all_specs(), ids=lambda name: "/".join(name))
def test_form_of_every_model_opens(
    name: tuple[str, str], workspace: Workspace, owner: Client
) -> None:
    page = owner.get(_path(workspace, "/".join(name)))

    fields = set(page.context["form"].fields)
    properties = registry.all_specs()[name].input.model_json_schema()["properties"]
    assert page.status_code == 200
    assert fields >= set(properties)


def test_run_creates_the_task_that_the_form_says(workspace: Workspace, owner: Client) -> None:
    form = {"prompt": "a fox ", "width": "512", "height": "256", "seed": "7"}

    answer = owner.post(_path(workspace), form)

    [made] = _tasks(workspace)
    assert made.input == {"prompt": "a fox ", "width": 512, "height": 256, "seed": 7}
    assert (made.created_by, made.api_key, made.price_points) == (owner_of(workspace), None, 10_000)
    assert answer.headers["Location"] == f"{_path(workspace)}?task={made.id}"


def test_run_by_htmx_gives_the_result_and_a_url_to_come_back_to(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(_path(workspace), {"prompt": "a fox"}, headers=HTMX)

    [made] = _tasks(workspace)
    assert answer.content.strip().startswith(b'<section id="preview"')
    assert answer.headers["HX-Replace-Url"] == f"{_path(workspace)}?task={made.id}"


def test_page_of_a_task_shows_its_result_and_fills_the_form(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)

    page = owner.get(f"{_path(workspace)}?task={done.id}")

    form = page.context["form"]
    assert (form["prompt"].value(), form["width"].value()) == ("a fox in a forest", 256)
    assert done.output["image_url"] in page.content.decode()


@pytest.mark.parametrize("query", ["nonsense", "00000000-0000-4000-8000-000000000000", "%00"])
def test_page_of_an_unknown_task_is_not_found(
    query: str, workspace: Workspace, owner: Client
) -> None:
    assert owner.get(f"{_path(workspace)}?task={query}").status_code == 404


def test_page_of_another_models_task_is_not_found(workspace: Workspace, owner: Client) -> None:
    found = task(workspace)
    path = _path(workspace, "modelyard/music/text-to-music")

    assert owner.get(f"{path}?task={found.id}").status_code == 404


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({}, {"prompt": ["This field is required."]}),
        ({"prompt": "x", "width": "wide"}, {"width": ["Enter a whole number."]}),
        ({"prompt": "x", "width": "9" * 5000}, {"width": ["Enter a whole number."]}),
        ({"prompt": "a\0b"}, {"prompt": ["Null characters are not allowed."]}),
    ],
)
def test_run_with_a_wrong_form_says_what_is_wrong_beside_the_field(
    form: dict[str, str], errors: dict[str, list[str]], workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(_path(workspace), form)

    assert (answer.status_code, dict(answer.context["form"].errors)) == (422, errors)
    assert _tasks(workspace) == []


def test_run_refused_by_the_spec_marks_the_field_in_its_words(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(_path(workspace), {"prompt": "x", "width": "4096"}, headers=HTMX)

    assert answer.context["form"].errors == {
        "width": ["Input should be less than or equal to 1024."]
    }
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == (
        "#play-form",
        "outerHTML",
    )
    assert answer.context["price"] is None


def test_run_without_credits_says_what_is_needed_and_creates_nothing(db: None) -> None:
    poor = WorkspaceFactory.create(points=9_999)
    owner = browser(owner_of(poor))

    answer = owner.post(_path(poor), {"prompt": "a fox"})

    assert "This task needs $0.001 and $0.0009999 is available." in answer.content.decode()
    assert (answer.status_code, _tasks(poor)) == (422, [])


def test_unavailable_model_says_so_disables_run_and_refuses(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    path = _path(workspace, "kling/video_generation")

    page = owner.get(path).content.decode()
    answer = owner.post(path, {"prompt": "a boat"})

    button = page.partition('<button class="btn btn-primary"')[2].partition(">")[0]
    assert "No account or engine can run this model now." in page
    assert "disabled" in button
    assert b"No account can serve kling video_generation now." in answer.content
    assert (_tasks(workspace), held(workspace)) == ([], 0)


def test_unknown_model_is_not_found(workspace: Workspace, owner: Client) -> None:
    assert owner.get(_path(workspace, "no/such/model")).status_code == 404


def test_file_of_the_form_becomes_a_file_of_the_workspace(
    workspace: Workspace, owner: Client
) -> None:
    upload = SimpleUploadedFile("../../photo.exe", PNG, content_type="text/html")

    owner.post(_path(workspace, "modelyard/ocr/ocr"), {"image__file": upload})

    [made] = _tasks(workspace)
    url = made.input["image"]
    key = url.removeprefix("http://testserver/files/")
    assert key.startswith("temp/")
    assert key.endswith(".png")
    with default_storage.open(key) as stored:
        assert stored.read() == PNG


def test_file_that_is_no_picture_is_refused(workspace: Workspace, owner: Client) -> None:
    upload = SimpleUploadedFile("photo.png", b"<script>", content_type="image/png")

    answer = owner.post(_path(workspace, "modelyard/ocr/ocr"), {"image__file": upload})

    assert dict(answer.context["form"].errors) == {
        "image": ["The data is not an image in a format we know."]
    }
    assert _tasks(workspace) == []


def test_quote_is_the_price_that_would_be_held(workspace: Workspace, owner: Client) -> None:
    path = _path(workspace, "modelyard/parallax/image-to-video", "quote")

    answer = owner.post(path, {"duration": "7", "motion": "left"})

    price = answer.context["price"]
    assert (price.quote.points, price.after, price.is_affordable) == (140_000, 9_860_000, True)
    assert "7 s × $0.002" in answer.content.decode()


def test_quote_knows_this_workspaces_price(workspace: Workspace, owner: Client) -> None:
    PriceOverride.objects.create(
        model="modelyard/illustration",
        task_type="text-to-image",
        points_per_unit=0,
        workspace=workspace,
        valid_from=timezone.now(),
    )

    answer = owner.post(_path(workspace, page="quote"), {"prompt": "x"})

    assert answer.context["price"].quote.points == 0
    assert "<strong>Free</strong>" in answer.content.decode()


@pytest.mark.parametrize(
    "form", [{}, {"prompt": "x", "width": "wide"}, {"prompt": "x", "width": "7"}]
)
def test_quote_of_an_incomplete_form_names_the_rate_and_no_sum(
    form: dict[str, str], workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(_path(workspace, page="quote"), form)

    assert (answer.status_code, answer.context["price"]) == (200, None)
    assert "$0.001 / image" in answer.content.decode()


def test_quote_writes_nothing(workspace: Workspace, owner: Client, held: Any) -> None:
    owner.post(_path(workspace, page="quote"), {"prompt": "x"})

    assert (_tasks(workspace), held(workspace)) == ([], 0)


def test_playground_opens_with_a_model_that_runs(workspace: Workspace, owner: Client) -> None:
    plain = owner.get(f"/w/{workspace.slug}/play").headers["Location"]
    picked = owner.get(f"/w/{workspace.slug}/play?spec=kling video_generation").headers["Location"]

    assert (plain, picked) == (_path(workspace), _path(workspace, "kling/video_generation"))


def test_models_lists_every_spec_available_ones_first(workspace: Workspace, owner: Client) -> None:
    found = owner.get(f"/w/{workspace.slug}/models").context["found"]

    states = [one.is_available for one in found]
    assert {one.spec.name for one in found} == set(registry.all_specs())
    assert states == sorted(states, reverse=True)


def test_models_finds_by_words_kind_and_availability(workspace: Workspace, owner: Client) -> None:
    def names(query: str) -> set[str]:
        page = owner.get(f"/w/{workspace.slug}/models?{query}", headers=HTMX)
        return {one.spec.model for one in page.context["found"]}

    assert names("q=PROCEDURAL music") == {"modelyard/music"}
    assert names("kind=3d&available=1") == {"modelyard/image-to-3d"}
    assert names("q=nothing like this") == set()
    assert names("q=%00") == set()


def test_model_above_the_plan_names_the_plan(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    hobbyist = WorkspaceFactory.create(plan="hobbyist")
    owner = browser(owner_of(hobbyist))
    spec = registry.all_specs()["modelyard/illustration", "text-to-image"]
    monkeypatch.setitem(spec.__dict__, "plan", Plan.PREMIUM)

    page = owner.get(_path(hobbyist)).content.decode()

    assert "This model comes with the Premium plan." in page
