"""What becomes of a result: pictures named, cut and converted, shown on the way, and nothing of the provider's."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.catalog import registry
from apps.files.models import StoredFile
from apps.ops import audit
from apps.tasks.models import Attempt, Task
from apps.tasks.presentation import task_data
from apps.tasks.services import results
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from apps.tasks.services.results import CannotRead, Copy
from tests.bridge import pictures
from tests.bridge.running import RunningBridge
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, change, operators, private
from tests.tasks.midjourney.conftest import QUICK
from tests.tasks.own.helpers import midjourney, upscaled, varied
from tests.tasks.remote.conftest import due_now
from tests.tasks.rows import again
from tests.upstream.provider import Provider
from tests.upstream.running import on_a_thread

pytestmark = pytest.mark.django_db
Run = Callable[..., None]
FILES = "http://testserver/files/"
GRID_ACTIONS = [
    "reroll", "upscale1", "upscale2", "upscale3", "upscale4", "variation1", "variation2", "variation3", "variation4",
]  # fmt: skip
PICTURE_ACTIONS = [
    "upscale_subtle", "upscale_creative", "high_variation", "low_variation", "inpaint", "outpaint", "pan",
]  # fmt: skip
QUARTERS = [(0, 0), (32, 0), (0, 32), (32, 32)]


@pytest.fixture(autouse=True)
def _reaches_this_machine(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_ENGINE = False


@pytest.fixture
def pool_account(db: None, bridge: RunningBridge) -> Account:
    return operators(base_url=bridge.url, config=QUICK, slots=50)


@pytest.fixture
def shop(db: None) -> Workspace:
    return WorkspaceFactory.create(plan="premium")


def run() -> None:
    for _ in range(2):
        due_now()
        dispatch()
        Pump().run(seconds=20)


def opened(url: str) -> Image.Image:
    assert url.startswith(FILES)
    with default_storage.open(url.removeprefix(FILES)) as stored:
        found = Image.open(io.BytesIO(stored.read()))
        found.load()
    return found


def encoded(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return file.getvalue()


def four_colours(size: tuple[int, int] = (64, 64)) -> Image.Image:
    picture = Image.new("RGB", size)
    for n, corner in enumerate(QUARTERS):
        picture.paste((200, 50 * n, 255 - 60 * n), (*corner, corner[0] + 32, corner[1] + 32))
    return picture


# -------------------------------------------------------------------------- grids and names
@pytest.mark.usefixtures("pool_account")
def test_grid_is_named_by_its_task_and_cut_into_its_quarters(
    shop: Workspace, bridge: RunningBridge
):
    made = midjourney(shop, process_mode="fast")
    run()

    output = again(made).output
    assert output is not None
    assert output["image_url"] == f"{FILES}mj/{made.id}.png"
    grid = opened(output["image_url"])
    assert (grid.format, grid.size) == ("PNG", (64, 64))
    crops = [opened(url) for url in output["temporary_image_urls"]]
    assert [one.format for one in crops] == ["PNG"] * 4
    for crop, (x, y) in zip(crops, QUARTERS, strict=True):
        assert crop.tobytes() == grid.crop((x, y, x + 32, y + 32)).tobytes()
    [task_id] = [one["id"] for one in bridge.tasks()]
    assert [crop.getpixel((5, 5)) for crop in crops] == pictures.colours(task_id)
    assert output["actions"] == GRID_ACTIONS
    assert output["image_urls"] is None
    folders = StoredFile.objects.of(shop.pk).values_list("key", flat=True)
    assert sorted(key.partition("/")[0] for key in folders if "step" not in key).count("mj") == 1
    assert audit.differences() == []


@pytest.mark.usefixtures("pool_account")
def test_picture_taken_out_of_a_grid_is_that_quarter_and_is_not_cut(
    shop: Workspace, bridge: RunningBridge
):
    parent = midjourney(shop)
    run()
    made = upscaled(again(parent), "3")
    run()

    output = again(made).output
    assert output is not None
    assert output["image_url"] == f"{FILES}mj/{made.id}.png"
    grid_id = bridge.tasks()[0]["id"]
    assert opened(output["image_url"]).getpixel((5, 5)) == pictures.colours(grid_id)[2]
    assert output["temporary_image_urls"] is None
    assert output["actions"] == PICTURE_ACTIONS


@pytest.mark.parametrize("kind", ["WEBP", "JPEG", "GIF", "PNG"])
def test_whatever_format_came_the_picture_is_a_png(kind: str):
    spec = registry.spec_of("midjourney", "imagine")
    data = encoded(four_colours(), kind)
    copy = Copy(data, f"image/{kind.lower()}", kind.lower())

    found = results.completed(
        spec, {"image_url": "https://p.example/1"}, {"https://p.example/1": copy}
    )

    assert set(found) == {"https://p.example/1", "crop:0", "crop:1", "crop:2", "crop:3"}
    assert {one.content_type for one in found.values()} == {"image/png"}
    shown = Image.open(io.BytesIO(found["https://p.example/1"].data))
    assert shown.convert("RGB").tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()
    assert (kind == "PNG") == (found["https://p.example/1"].data == data)


@pytest.mark.parametrize(
    "size", [(64, 64), (65, 63), (3, 2), (64, 32)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_quarters_of_any_size_lie_within_the_picture(size: tuple[int, int]):
    spec = registry.spec_of("midjourney", "imagine")
    data = encoded(Image.new("RGB", size, "teal"), "PNG")

    found = results.completed(spec, {}, {"image_url": Copy(data, "image/png", "png")})

    sizes = {Image.open(io.BytesIO(found[f"crop:{n}"].data)).size for n in range(4)}
    assert sizes == {(size[0] // 2, size[1] // 2)}


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n" + b"0" * 40, b"no picture"], ids=["cut", "text"]
)
def test_picture_that_cannot_be_opened_is_no_result(data: bytes):
    spec = registry.spec_of("midjourney", "imagine")

    with pytest.raises(CannotRead):
        results.completed(spec, {}, {"image_url": Copy(data, "image/png", "png")})


def test_picture_too_small_to_cut_is_no_result():
    spec = registry.spec_of("midjourney", "imagine")
    data = encoded(Image.new("RGB", (1, 8)), "PNG")

    with pytest.raises(CannotRead, match="too small"):
        results.completed(spec, {}, {"image_url": Copy(data, "image/png", "png")})


def test_other_models_results_stay_as_they_came():
    spec = registry.spec_of("Qubico/flux1-schnell", "txt2img")
    copy = Copy(encoded(four_colours(), "JPEG"), "image/jpeg", "jpg")

    assert results.completed(spec, {}, {"image_url": copy}) == {"image_url": copy}


# ------------------------------------------------------------------------------- on the way
def _step(bridge: RunningBridge, share: float) -> None:
    """The bridge's one task is so far, and is looked at."""
    [one] = bridge.tasks()
    bridge.age(one["id"], share)
    due_now()
    Pump().run(seconds=0.3)


@contextmanager
def watched(shop: Workspace, bridge: RunningBridge, words: str = "") -> Iterator[Task]:
    """A private task that takes as long as the test likes."""
    private(shop)
    bridge_account(shop, base_url=bridge.url, config=QUICK)
    made = midjourney(shop, prompt=f"a cat [delay=600]{words}")
    dispatch()
    Pump().run(seconds=0.3)
    yield made


def test_previews_are_shown_while_it_runs_and_kept_with_the_result(
    shop: Workspace, bridge: RunningBridge
):
    with watched(shop, bridge) as made:
        seen = []
        for share in (0.1, 0.4, 0.4, 0.8):
            _step(bridge, share)
            seen.append(task_data(again(made))["output"])
        bridge.finish()
        due_now()
        Pump().run(seconds=1)

    done = again(made)
    assert [len(one["intermediate_image_urls"]) for one in seen] == [1, 2, 2, 3]
    progress = [one["progress"] for one in seen]
    assert progress == sorted(progress)
    assert 5 <= progress[0] <= 45
    assert done.status == "completed"
    shown = task_data(done)["output"]
    assert shown["intermediate_image_urls"] == seen[-1]["intermediate_image_urls"]
    assert len(set(shown["intermediate_image_urls"])) == 3
    sizes = {opened(url).size for url in shown["intermediate_image_urls"]}
    assert sizes == {(64, 64)}
    previews = [url.removeprefix(FILES) for url in shown["intermediate_image_urls"]]
    kept = StoredFile.objects.of(shop.pk).filter(key__in=previews)
    assert {key.partition("/")[0] for key in previews} == {"temp"}
    assert all(one.expires_at <= timezone.now() + timedelta(hours=24) for one in kept)
    assert Attempt.objects.get(task=made).previews == 3
    assert audit.differences() == []


def test_progress_never_goes_back(shop: Workspace, bridge: RunningBridge):
    with watched(shop, bridge, "[lie=progress_back]") as made:
        seen = []
        for _ in range(4):
            _step(bridge, 0.3)
            seen.append(again(made).progress)

    assert seen == sorted(seen)
    assert seen[-1] > 0


def test_picture_on_the_way_that_cannot_be_had_harms_nothing(
    shop: Workspace, bridge: RunningBridge
):
    with watched(shop, bridge, "[steps=0]") as made:
        _step(bridge, 0.5)
        bridge.finish()
        due_now()
        Pump().run(seconds=1)

    done = again(made)
    assert (done.status, done.output and done.output["intermediate_image_urls"]) == (
        "completed",
        None,
    )


# ------------------------------------------------------------------ lies, links and fields
@pytest.mark.usefixtures("pool_account")
def test_of_two_results_there_is_one(shop: Workspace, bridge: RunningBridge):
    made = midjourney(shop, prompt="a cat [lie=two_results]", process_mode="fast")
    run()
    first = again(made).output
    run()

    assert again(made).output == first
    grid = opened(again(made).output["image_url"])  # type: ignore[index]
    [task_id] = [one["id"] for one in bridge.tasks()]
    assert grid.getpixel((5, 5)) == pictures.colours(task_id)[0]
    assert StoredFile.objects.of(shop.pk).filter(key__startswith="mj/").count() == 1


@pytest.mark.parametrize("links", [True, False])
def test_providers_address_is_in_one_field_only(
    shop: Workspace, bridge: RunningBridge, pool_account: Account, links: bool
):
    bridge.knobs(discord_links=links)
    made = midjourney(shop)
    run()

    found = again(made)
    data = task_data(found)
    link = data["output"].pop("discord_image_url")
    [task_id] = [one["id"] for one in bridge.tasks()]
    assert link == (f"https://cdn.discordapp.com/attachments/1/2/{task_id}.png" if links else "")
    assert bridge.url not in json.dumps(data)
    assert "discord" not in json.dumps(data["output"])
    assert task_id not in json.dumps(data)


@pytest.mark.parametrize(
    ("plan", "pool", "progress", "intermediate", "discord", "temporary"),
    [
        ("hobbyist", "public", False, False, False, False),
        ("hobbyist", "private", False, False, True, True),
        ("developer", "public", True, False, False, False),
        ("developer", "private", True, True, True, True),
        ("premium", "public", True, False, True, True),
        ("premium", "private", True, True, True, True),
    ],
)
def test_fields_by_plan_and_pool(
    bridge: RunningBridge,
    pool_account: Account,
    plan: str,
    pool: str,
    progress: bool,
    intermediate: bool,
    discord: bool,
    temporary: bool,
):
    shop = private(WorkspaceFactory.create(plan=plan))
    bridge_account(shop, base_url=bridge.url, config=QUICK)
    made = midjourney(shop, prompt="a cat [delay=600]", service_mode=pool)
    dispatch()
    Pump().run(seconds=0.3)
    _step(bridge, 0.5)
    on_the_way = task_data(again(made))["output"]
    # What it shows was settled when it was made.
    change(shop, plan="premium" if plan == "hobbyist" else "hobbyist")
    bridge.finish()
    due_now()
    Pump().run(seconds=1)
    output = task_data(again(made))["output"]

    assert again(made).status == "completed"
    assert (on_the_way["progress"] > 0) == progress
    assert bool(on_the_way["intermediate_image_urls"]) == intermediate
    assert output["progress"] == 100
    assert bool(output["intermediate_image_urls"]) == intermediate
    assert bool(output["discord_image_url"]) == discord
    assert bool(output["temporary_image_urls"]) == temporary
    hidden = [output["intermediate_image_urls"]] * (not intermediate)
    hidden += [output["temporary_image_urls"]] * (not temporary)
    assert all(one is None for one in hidden)
    assert output["image_url"] == f"{FILES}mj/{made.id}.png"
    assert again(made).output["temporary_image_urls"] is not None  # type: ignore[index]


# ------------------------------------------------------------------------------- federation
def test_federated_follow_up_names_the_other_servers_task(shop: Workspace):
    provider = Provider()
    with on_a_thread(provider) as url:
        operators(provider="federation", base_url=url, config=QUICK)
        parent = midjourney(shop, process_mode="turbo")
        run()
        made = varied(again(parent), "2", prompt="a dog")
        run()
        first, second = provider.store.tasks.values()

    assert (again(parent).status, again(made).status) == ("completed", "completed")
    assert second.body["input"] == {
        "origin_task_id": first.id,
        "index": "2",
        "prompt": "a dog",
        "process_mode": "turbo",
    }
    assert second.body["task_type"] == "variation"
    assert first.id != str(parent.id)
    assert again(made).input["origin_task_id"] == str(parent.id)
    assert first.id not in json.dumps(task_data(again(made)))
