"""The sandbox of Midjourney: what its pictures show, and what follows from them."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from apps.providers.local import registry
from apps.providers.local.base import BadMedia, EngineFailed, LocalResult
from apps.providers.local.grids import sheet
from apps.providers.local.grids.prompt import Prompt, read
from tests.providers.local.pictures import PHOTO, artefact, ball, file, pixels

FOREST = "a red fox in a forest at sunset --ar 3:2 --seed 7"


def made(task_type: str, media: dict[str, bytes] | None = None, **values: Any) -> LocalResult:
    return registry.run("midjourney", input={"task_type": task_type, **values}, media=media or {})


def follow(parent: LocalResult, task_type: str, **values: Any) -> LocalResult:
    """As the platform does it: the parent's facts, and its picture."""
    mask = {"mask": values.pop("mask")} if "mask" in values else {}
    picture = {"parent": artefact(parent, "image_url").data}
    return made(task_type, picture | mask, parent=parent.facts, **{"prompt": "", **values})


def shown(result: LocalResult) -> NDArray[np.uint8]:
    assert [each.key for each in result.artefacts] == ["image_url"]
    assert (result.engine, result.values) == ("procedural", {})
    return pixels(artefact(result, "image_url"))


def quarters(result: LocalResult) -> list[NDArray[np.uint8]]:
    return [sheet.quarter(shown(result), number) for number in (1, 2, 3, 4)]


def small(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(Image.fromarray(picture).resize((48, 32), Image.Resampling.BOX), float)


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """1 for pictures that show the same, from afar."""
    return float(np.corrcoef(small(one).ravel(), small(other).ravel())[0, 1])


def differ(pictures: list[NDArray[np.uint8]]) -> bool:
    return all(
        np.abs(one.astype(int) - other).mean() > 1
        for number, one in enumerate(pictures)
        for other in pictures[:number]
    )


@pytest.fixture(scope="module")
def grid() -> LocalResult:
    return made("imagine", prompt=FOREST)


@pytest.fixture(scope="module")
def single(grid: LocalResult) -> LocalResult:
    return follow(grid, "upscale", index="2")


@pytest.fixture(scope="module")
def penguin() -> LocalResult:
    return made("imagine", prompt="a penguin on the ice --ar 3:2 --seed 7")


# ---------------------------------------------------------------------------------------- imagine


def test_imagine_gives_a_grid_of_four_different_pictures(grid: LocalResult) -> None:
    made_file = artefact(grid, "image_url")
    assert (made_file.content_type, made_file.extension) == ("image/png", "png")
    assert shown(grid).shape == (682, 1024, 3)
    assert differ(quarters(grid))
    assert grid.facts == {
        "seed": 7,
        "prompt": FOREST,
        "kind": "grid",
        "width": 1024,
        "height": 682,
        "task_type": "imagine",
        "engine": "procedural",
    }


def test_imagine_marks_every_picture_in_its_corner(grid: LocalResult) -> None:
    corners = [picture[-11:, -46:] for picture in quarters(grid)]
    assert all(np.array_equal(corner, corners[0]) for corner in corners)
    assert corners[0].min() < 60
    assert corners[0].max() > 150


@pytest.mark.parametrize(
    ("prompt", "field", "size"),
    [
        ("a cat", None, (1024, 1024)),
        ("a cat --ar 16:9", "2:3", (682, 1024)),
        ("a cat --aspect 1:100", None, (256, 1024)),
        ("a cat", "9999:1", (1024, 256)),
        ("a cat --ar 0:5", None, (1024, 1024)),
    ],
)
def test_imagine_has_the_shape_asked_for(
    prompt: str, field: str | None, size: tuple[int, int]
) -> None:
    result = made("imagine", prompt=prompt, aspect_ratio=field, process_mode="fast")
    height, width = shown(result).shape[:2]
    assert (width, height) == size
    assert (width % 2, height % 2) == (0, 0)


def test_imagine_of_the_same_prompt_and_seed_is_the_same_file(grid: LocalResult) -> None:
    assert made("imagine", prompt=FOREST) == grid
    other = made("imagine", prompt=FOREST.replace("--seed 7", "--seed 8"))
    assert other.artefacts != grid.artefacts


def test_imagine_draws_a_seed_that_brings_the_picture_back() -> None:
    first = made("imagine", prompt="a castle")
    second = made("imagine", prompt="a castle")
    assert first.facts["seed"] != second.facts["seed"]
    again = made("imagine", prompt=f"a castle --seed {first.facts['seed']}")
    assert again.artefacts == first.artefacts


def test_imagine_paints_words_and_no_parameters() -> None:
    plain = made("imagine", prompt="a castle --seed 3")
    full = "https://example.com/a.png a castle::2 --v 6 --no trees --seed 3"
    assert made("imagine", prompt=full).artefacts == plain.artefacts


@pytest.mark.parametrize("prompt", ["--ar 1:1", "城堡", "a" * 6000])
def test_imagine_paints_something_for_any_prompt(prompt: str) -> None:
    assert shown(made("imagine", prompt=prompt)).std() > 15


def test_imagine_shows_previews_of_the_unfinished_grid() -> None:
    heard: list[tuple[int, bytes | None]] = []

    def hear(percent: int, preview: bytes | None = None) -> None:
        heard.append((percent, preview))

    input = {"task_type": "imagine", "prompt": FOREST}
    registry.run("midjourney", input=input, media={}, progress=hear)
    assert [percent for percent, _ in heard] == [5, 25, 45, 65, 85, 100]
    previews = [preview for _, preview in heard if preview]
    assert len(previews) == 3
    assert max(map(len, previews)) < 60_000
    blank = [
        int((np.asarray(Image.open(io.BytesIO(preview))) == 128).all(-1).sum())
        for preview in previews
    ]
    assert blank[0] > blank[1] > blank[2] > 1000


def test_imagine_stops_between_two_pictures() -> None:
    class Cancelled(Exception):
        pass

    def cancel(percent: int, preview: bytes | None = None) -> None:
        if preview:
            raise Cancelled

    with pytest.raises(Cancelled):
        registry.run(
            "midjourney",
            input={"task_type": "imagine", "prompt": "a cat"},
            media={},
            progress=cancel,
        )


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("a  cat", Prompt("a cat")),
        ("a cat —seed 12 —ar 2:1", Prompt("a cat", 12, 2.0)),
        ("well-known -- a cat", Prompt("well-known")),
        ("a cat --seed 4294967297", Prompt("a cat", 1)),
        ("a cat --seed x --ar wide", Prompt("a cat")),
        ("http://a.b/c.png cat::1.5 dog::-1", Prompt("cat dog")),
    ],
)
def test_prompt_is_read_as_words_and_parameters(text: str, prompt: Prompt) -> None:
    assert read(text) == prompt


# ---------------------------------------------------------------------------------------- upscale


@pytest.mark.parametrize("index", ["1", "3", "4"])
def test_upscale_takes_one_picture_out_of_the_grid(grid: LocalResult, index: str) -> None:
    result = follow(grid, "upscale", index=index)
    picture = shown(result)
    assert picture.shape == shown(grid).shape
    assert (result.facts["kind"], result.facts["seed"]) == ("single", 7)
    alike = [likeness(picture, part) for part in quarters(grid)]
    assert int(np.argmax(alike)) + 1 == int(index)
    assert max(alike) > 0.999


@pytest.mark.parametrize("index", ["light", "creative", "4x"])
def test_upscale_enlarges_a_single_picture_up_to_a_limit(single: LocalResult, index: str) -> None:
    result = follow(single, "upscale", index=index)
    assert shown(result).shape == (1364, 2048, 3)
    assert likeness(shown(result), shown(single)) > 0.999


def test_upscale_says_which_kind_of_parent_it_needs(grid: LocalResult, single: LocalResult) -> None:
    with pytest.raises(BadMedia, match=r"^The parent is one picture, not a grid of four\.$"):
        follow(single, "upscale", index="1")

    result = follow(grid, "upscale", index="subtle")

    assert likeness(shown(result), quarters(grid)[0]) > 0.99


# ------------------------------------------------------------------------------ variation, reroll


@pytest.mark.parametrize("index", ["4", "low_variation", "high_variation"])
def test_variation_looks_like_its_parent_more_than_like_another_picture(
    grid: LocalResult, single: LocalResult, penguin: LocalResult, index: str
) -> None:
    parent = grid if index.isdecimal() else single
    source = quarters(grid)[int(index) - 1] if index.isdecimal() else shown(single)
    other = quarters(penguin)[0]
    result = follow(parent, "variation", index=index)
    assert shown(result).shape == (682, 1024, 3)
    assert differ(quarters(result))
    for picture in quarters(result):
        assert not np.array_equal(picture, source)
        assert likeness(picture, source) > 0.75
        assert likeness(picture, source) > likeness(picture, other) + 0.2


def test_variation_with_new_words_keeps_shades_and_shows_the_words(grid: LocalResult) -> None:
    source = quarters(grid)[0]
    remixed = follow(grid, "variation", index="1", prompt="a castle --seed 1")
    kept = follow(grid, "variation", index="1")
    assert (remixed.facts["prompt"], kept.facts["prompt"]) == ("a castle --seed 1", FOREST)
    assert remixed.facts["seed"] == 1
    likenesses = [likeness(picture, source) for picture in quarters(remixed)]
    assert min(likenesses) > 0.3
    assert max(likenesses) < min(likeness(picture, source) for picture in quarters(kept))


def test_variation_works_from_the_picture_alone(grid: LocalResult) -> None:
    media = {"parent": artefact(grid, "image_url").data}
    result = made("variation", media, index="3", prompt="")
    assert differ(quarters(result))
    assert likeness(quarters(result)[0], quarters(grid)[2]) > 0.8
    assert result.facts["prompt"] == ""


def test_variation_of_an_inherited_seed_can_be_repeated(grid: LocalResult) -> None:
    first, second = (follow(grid, "variation", index="1") for _ in range(2))
    assert first == second
    assert first.facts["seed"] not in (7, follow(grid, "variation", index="2").facts["seed"])


def test_reroll_paints_the_same_words_anew_in_the_same_shape(grid: LocalResult) -> None:
    result = follow(grid, "reroll")
    assert shown(result).shape == (682, 1024, 3)
    assert result.facts["prompt"] == FOREST
    assert result.artefacts != grid.artefacts
    assert likeness(quarters(result)[0], quarters(grid)[0]) > 0.5


def test_reroll_of_new_words_is_an_imagine(grid: LocalResult) -> None:
    result = follow(grid, "reroll", prompt="a castle --seed 3", aspect_ratio="1:1")
    assert result.artefacts == made("imagine", prompt="a castle --seed 3").artefacts
    wide = follow(grid, "reroll", prompt="a castle --ar 2:1")
    assert shown(wide).shape == (512, 1024, 3)


def test_reroll_without_facts_continues_from_the_picture(grid: LocalResult) -> None:
    result = made("reroll", {"parent": artefact(grid, "image_url").data}, prompt="")
    assert likeness(shown(result), shown(grid)) > 0.6
    assert differ(quarters(result))


# -------------------------------------------------------------------------- inpaint, outpaint, pan


def mask_of(left: int, top: int, right: int, bottom: int) -> bytes:
    """White in a rectangle, given in percent."""
    image = Image.new("L", (100, 100))
    image.paste(255, (left, top, right, bottom))
    return file(image)


def test_inpaint_changes_only_what_is_masked(single: LocalResult) -> None:
    result = follow(single, "inpaint", mask=mask_of(10, 20, 50, 70), prompt="a snowman")
    before = Image.fromarray(shown(single)).resize((512, 341), Image.Resampling.LANCZOS)
    inside = np.zeros((341, 512), bool)
    inside[62:245, 45:262] = True  # a little more than the mask
    inside[-12:, -48:] = True  # the mark is drawn again
    for picture in quarters(result):
        changes = np.abs(picture.astype(int) - np.asarray(before)).max(-1)
        assert changes[~inside].max() == 0
        assert changes[80:230, 70:240].mean() > 20
    assert differ(quarters(result))


def test_inpaint_without_any_words_continues_what_lies_around(single: LocalResult) -> None:
    mask = mask_of(25, 15, 75, 85)
    gone = made("inpaint", {"parent": file(ball(600, 400)), "mask": mask}, prompt="")
    for picture in quarters(gone):  # the red ball, on soft blue ground
        assert np.abs(picture[60:280, 130:380].astype(int) - (150, 180, 215)).mean() < 8
    parent = artefact(single, "image_url").data
    changed = made("inpaint", {"parent": parent, "mask": mask}, prompt="")
    assert differ([picture[60:280, 130:380] for picture in quarters(changed)])


def test_inpaint_can_change_everything(single: LocalResult) -> None:
    result = follow(single, "inpaint", mask=mask_of(0, 0, 100, 100), prompt="a castle")
    assert differ(
        [*quarters(result), quarters(follow(single, "inpaint", mask=mask_of(0, 0, 9, 9)))[0]]
    )


def test_inpaint_refuses_a_mask_that_changes_nothing(single: LocalResult) -> None:
    with pytest.raises(BadMedia, match=r"^The mask has no white area, so nothing would change\.$"):
        follow(single, "inpaint", mask=mask_of(0, 0, 0, 0), prompt="a castle")
    clear = file(Image.new("RGBA", (50, 50), (255, 255, 255, 0)))
    with pytest.raises(BadMedia, match=r"^The mask has no white area"):
        follow(single, "inpaint", mask=clear, prompt="a castle")


@pytest.mark.parametrize(
    ("direction", "size", "old"),
    [  # (left, top, right, bottom) of the parent in every quarter
        ("left", (1024, 454), (171, 0, 512, 227)),
        ("right", (1024, 454), (0, 0, 341, 227)),
        ("up", (1024, 1024), (0, 171, 512, 512)),
        ("down", (1024, 1024), (0, 0, 512, 341)),
    ],
)
def test_pan_continues_the_picture_to_that_side(
    single: LocalResult, direction: str, size: tuple[int, int], old: tuple[int, int, int, int]
) -> None:
    result = follow(single, "pan", direction=direction)
    height, width = shown(result).shape[:2]
    assert (width, height) == size
    left, top, right, bottom = old
    for picture in quarters(result):
        assert likeness(picture[top:bottom, left:right], shown(single)) > 0.97
        assert picture[bottom - 12 : bottom, right - 46 : right].min() < 250
    assert differ(quarters(result))


def test_pan_leaves_no_old_mark_inside(single: LocalResult) -> None:
    result = follow(single, "pan", direction="down")
    seam = quarters(result)[0][341 - 10 : 341, 512 - 44 :].astype(int)
    plate = quarters(result)[0][-10:, -44:].astype(int)
    assert np.abs(seam - plate).mean() > 30


def test_pan_can_go_on_for_ever(single: LocalResult) -> None:
    picture = single
    for _ in range(3):
        panned = follow(picture, "pan", direction="left")
        picture = follow(panned, "upscale", index="1")
    assert shown(panned).shape == (256, 1024, 3)


def test_pan_sets_new_things_into_the_new_part(single: LocalResult) -> None:
    plain = quarters(follow(single, "pan", direction="right"))[0].astype(int)
    remix = quarters(follow(single, "pan", direction="right", prompt="a blue car in a forest"))[0]
    blue = remix[..., 2].astype(int) - remix[..., 0]
    new_part = (blue[:, 360:] > 60).sum()
    assert new_part > 800
    assert new_part > 4 * (plain[:, 360:, 2] - plain[:, 360:, 0] > 60).sum()


def test_outpaint_sets_the_picture_into_a_larger_scene(single: LocalResult) -> None:
    result = follow(single, "outpaint", zoom_ratio=2.0)
    assert shown(result).shape == (682, 1024, 3)
    for picture in quarters(result):
        assert likeness(picture[85:256, 128:384], shown(single)) > 0.9
    assert differ(quarters(result))


@pytest.mark.parametrize(
    ("zoom", "ratio", "size"),
    [(1.0, None, (1024, 1024)), (1.5, None, (1024, 682)), (1.5, "1:2", (512, 1024))],
)
def test_outpaint_has_the_shape_asked_for(
    single: LocalResult, zoom: float, ratio: str | None, size: tuple[int, int]
) -> None:
    result = follow(single, "outpaint", zoom_ratio=zoom, aspect_ratio=ratio)
    height, width = shown(result).shape[:2]
    assert (width, height) == size


def test_outpaint_of_a_square_to_a_square_adds_nothing() -> None:
    square = follow(made("imagine", prompt="a cat"), "upscale", index="1")
    result = follow(square, "outpaint", zoom_ratio=1.0)
    assert all(likeness(quarter, shown(square)) > 0.8 for quarter in quarters(result))


@pytest.mark.parametrize(
    ("task_type", "values"),
    [
        ("pan", {"direction": "up"}),
        ("outpaint", {"zoom_ratio": 2.0}),
        ("inpaint", {"mask": mask_of(0, 0, 50, 50)}),
        ("variation", {"index": "high_variation"}),
    ],
)
def test_work_on_one_picture_takes_the_first_of_a_grid(
    grid: LocalResult, task_type: str, values: dict[str, Any]
) -> None:
    single = follow(grid, "upscale", index="1")
    of_grid, of_single = (follow(one, task_type, **values) for one in (grid, single))
    assert likeness(shown(of_grid), shown(of_single)) > 0.8


# ------------------------------------------------------------------------------------------ blend


def blended(dimension: str = "square", count: int = 2) -> LocalResult:
    colours = ("red", "blue", "green", "white", "black")
    images = [file(Image.new("RGB", (90, 60 + 9 * n), colour)) for n, colour in enumerate(colours)]
    media = {f"image_urls.{number}": images[number] for number in range(count)}
    return made("blend", media, dimension=dimension)


def test_blend_mixes_its_pictures() -> None:
    result = blended()
    assert differ(quarters(result))
    assert result.facts["prompt"] == ""
    even = quarters(result)[0][:400]
    assert np.abs(even.reshape(-1, 3).mean(0) - (127.5, 0, 127.5)).max() < 2
    for picture in quarters(result):
        red, green, blue = picture[:480].reshape(-1, 3).mean(0)
        assert min(red, blue) > 60
        assert green < 2


@pytest.mark.parametrize(
    ("dimension", "shape"),
    [("square", (1024, 1024, 3)), ("portrait", (1024, 682, 3)), ("landscape", (682, 1024, 3))],
)
def test_blend_has_the_shape_asked_for(dimension: str, shape: tuple[int, int, int]) -> None:
    assert shown(blended(dimension, count=5)).shape == shape


def test_blend_can_be_continued_without_words() -> None:
    photo = {"image_urls.0": PHOTO.read_bytes(), "image_urls.1": file(ball())}
    grid = made("blend", photo, dimension="landscape")
    assert likeness(shown(follow(grid, "reroll")), shown(grid)) > 0.6
    single = follow(grid, "upscale", index="2")
    assert differ(quarters(follow(single, "variation", index="high_variation")))
    panned = quarters(follow(single, "pan", direction="right"))[0]
    assert likeness(panned[:, :341], shown(single)) > 0.97


def test_blend_refuses_a_single_picture() -> None:
    with pytest.raises(BadMedia, match=r"^Blending takes two pictures or more\.$"):
        blended(count=1)


# ------------------------------------------------------------------------------------ text answers


def test_describe_tells_what_can_be_measured() -> None:
    image = Image.new("RGB", (320, 180), (134, 192, 240))
    image.paste((24, 74, 42), (0, 110, 320, 180))
    result = made("describe", {"image_url": file(image)})
    assert result.artefacts == ()
    assert result.values["prompts"] == [
        "bright picture in sky blue and dark green, lighter at the top, strong contrast --ar 16:9",
        "sky blue above and dark green below, smooth surfaces, cool colours --ar 16:9",
        "sky blue in the middle of sky blue surroundings, bright light, landscape format --ar 16:9",
        "abstract study of sky blue and dark green, mostly sky blue, cool colours, smooth surfaces,"
        " strong contrast --ar 16:9",
    ]
    description = str(result.values["description"])
    assert [line[:3] for line in description.split("\n\n")] == ["1️⃣", "2️⃣", "3️⃣", "4️⃣"]
    assert description.split("\n\n")[1][4:] == result.values["prompts"][1]  # type: ignore[index]


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_describe_speaks_of_the_smallest_pictures(size: tuple[int, int]) -> None:
    result = made("describe", {"image_url": file(Image.new("RGB", size, "white"))})
    prompts = result.values["prompts"]
    assert isinstance(prompts, list)
    assert str(prompts[0]).startswith("very bright picture in white, evenly lit, soft contrast")


def test_seed_is_the_parents(grid: LocalResult) -> None:
    result = made("seed", parent=grid.facts)
    assert (result.values, result.artefacts) == ({"seed": "7"}, ())
    with pytest.raises(BadMedia, match=r"^The seed of this task is not known\.$"):
        made("seed", parent={})


# ---------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("task_type", "field", "values"),
    [
        ("describe", "image_url", {}),
        ("upscale", "parent", {"index": "1"}),
        ("variation", "parent", {"index": "1", "prompt": ""}),
        ("pan", "parent", {"direction": "up", "prompt": ""}),
    ],
)
def test_pictures_are_decoded_with_suspicion(
    task_type: str, field: str, values: dict[str, Any]
) -> None:
    with pytest.raises(BadMedia, match="not a PNG, JPEG, WebP, GIF or BMP"):
        made(task_type, {field: b"<svg/>"}, **values)
    bomb = file(Image.new("1", (6000, 5000)))
    with pytest.raises(BadMedia, match="the limit is 25 megapixels"):
        made(task_type, {field: bomb}, **values)
    with pytest.raises(BadMedia, match=r"is not there\.$|has no image_url"):
        made(task_type, **values)


def test_sandbox_names_a_task_it_does_not_have() -> None:
    with pytest.raises(EngineFailed, match=r"^The sandbox has no task shorten\.$"):
        made("shorten", prompt="a cat")
