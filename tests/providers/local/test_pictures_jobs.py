"""The jobs that take a picture: cutting out, enlarging, reading."""

import io

import numpy as np
import pytest
from PIL import Image

from apps.providers.local import registry
from apps.providers.local.base import BadMedia, LocalResult
from tests.providers.local.pictures import PHOTO, artefact, ball, file, page, pixels


def cut_out(data: bytes) -> LocalResult:
    return registry.run("background_removal", input={}, media={"image": data})


def test_background_removal_keeps_the_subject_and_drops_the_rest() -> None:
    image = ball(240, 180)
    result = cut_out(file(image))
    picture = pixels(artefact(result, "image_url"))
    assert result.engine == "neural"
    assert result.values == {"width": 240, "height": 180}
    assert picture.shape == (180, 240, 4)
    alpha = picture[..., 3]
    assert alpha[80:100, 110:130].min() > 240
    assert max(alpha[:20, :20].max(), alpha[-20:, -20:].max(), alpha[:20, -20:].max()) < 15
    truth = np.hypot(np.arange(240)[None] - 120, np.arange(180)[:, None] - 90) < 54
    kept = alpha > 127
    assert (kept & truth).sum() / (kept | truth).sum() > 0.9
    assert (picture[..., :3] == np.asarray(image)).all()


def test_background_removal_cuts_a_real_photo() -> None:
    result = cut_out(PHOTO.read_bytes())
    made = artefact(result, "image_url")
    assert (made.content_type, made.extension) == ("image/png", "png")
    alpha = pixels(made)[..., 3]
    assert alpha.shape == (400, 600)
    assert alpha[120:280, 220:380].mean() > 250  # the cup
    assert alpha[:60, :60].max() < 20  # the table behind it
    assert alpha[-60:, -60:].max() < 20


def test_background_removal_follows_exif_and_keeps_old_holes() -> None:
    image = ball(200, 120)
    exif = Image.Exif()
    exif[0x0112] = 8
    assert cut_out(file(image, exif=exif)).values == {"width": 120, "height": 200}
    clear = image.convert("RGBA")
    clear.paste((0, 0, 0, 0), (90, 50, 110, 70))
    alpha = pixels(artefact(cut_out(file(clear)), "image_url"))[..., 3]
    assert alpha[50:70, 90:110].max() == 0
    assert alpha[60, 80] > 200


def test_background_removal_is_the_same_each_time() -> None:
    data = file(ball())
    assert cut_out(data) == cut_out(data)


def test_background_removal_takes_the_smallest_picture() -> None:
    assert cut_out(file(Image.new("RGB", (1, 1), "red"))).values == {"width": 1, "height": 1}


@pytest.mark.parametrize("scale", [2, 3, 5, 10])
def test_upscale_gives_exactly_the_size_asked_for(scale: int) -> None:
    image = ball(37, 23)
    result = registry.run("upscale", input={"scale": scale}, media={"image": file(image)})
    large = pixels(artefact(result, "image_url"))
    assert result.engine == "neural"
    assert result.values == {
        "width": 37 * scale,
        "height": 23 * scale,
        "scale": scale,
        "face_enhance": False,
    }
    assert large.shape == (23 * scale, 37 * scale, 3)
    small = Image.fromarray(large).resize((37, 23), Image.Resampling.BOX)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(image)).mean() < 4


def test_upscale_restores_more_than_lanczos_does() -> None:
    original = Image.open(io.BytesIO(PHOTO.read_bytes())).crop((180, 20, 420, 260))
    small = original.resize((120, 120), Image.Resampling.LANCZOS)
    result = registry.run("upscale", input={"scale": 2}, media={"image": file(small)})
    neural = pixels(artefact(result, "image_url"))
    plain = np.asarray(small.resize((240, 240), Image.Resampling.LANCZOS))

    def error(picture: object) -> float:
        return float(np.square(np.asarray(picture, float) - np.asarray(original)).mean())

    assert error(neural) < error(plain)


def test_upscale_hides_the_seams_of_its_tiles() -> None:
    slope = np.linspace(0, 255, 400)[None].repeat(40, 0)
    image = Image.fromarray(slope.astype(np.uint8)).convert("RGB")
    result = registry.run("upscale", input={"scale": 2}, media={"image": file(image)})
    steps = np.diff(pixels(artefact(result, "image_url"))[40, :, 0].astype(int))
    assert abs(steps[380:388]).max() <= 3  # the first tile ends at column 384


def test_upscale_keeps_transparency() -> None:
    image = ball(40, 40).convert("RGBA")
    image.paste((10, 20, 30, 0), (0, 0, 20, 40))
    result = registry.run("upscale", input={"scale": 2}, media={"image": file(image)})
    alpha = pixels(artefact(result, "image_url"))[..., 3]
    assert alpha.shape == (80, 80)
    assert alpha[:, :34].max() == 0
    assert alpha[:, 46:].min() == 255


def test_upscale_names_the_limit_of_its_result() -> None:
    image = Image.new("RGB", (1300, 1300))
    with pytest.raises(BadMedia, match=r"1300x1300 enlarged 4 times is over the limit of 16 mega"):
        registry.run("upscale", input={"scale": 4}, media={"image": file(image)})


LINES = ["Invoice 2024-117", "Total due: 1,250.40 EUR", "Thank you for your order"]


def test_ocr_reads_a_page_back() -> None:
    result = registry.run("ocr", input={}, media={"image": file(page(LINES))})
    assert (result.engine, result.artefacts) == ("neural", ())
    assert result.values["text"] == "\n".join(LINES)


def test_ocr_says_where_each_line_is() -> None:
    result = registry.run("ocr", input={}, media={"image": file(page(LINES))})
    lines = result.values["lines"]
    assert isinstance(lines, list)
    assert [line["text"] for line in lines] == LINES  # type: ignore[index,call-overload]
    for number, line in enumerate(lines):
        box = np.array(line["box"])  # type: ignore[index,call-overload]
        assert box.shape == (4, 2)
        assert abs(box[:, 0].min() - 40) < 12
        assert 30 + 70 * number - 12 < box[:, 1].min() < box[:, 1].max() < 30 + 70 * number + 62
        assert line["score"] > 0.9  # type: ignore[index,call-overload,operator]


def test_ocr_scales_boxes_of_large_pictures_back() -> None:
    large = page(["LARGE"]).resize((3600, 650))
    result = registry.run("ocr", input={}, media={"image": file(large)})
    assert result.values["text"] == "LARGE"
    box = np.array(result.values["lines"][0]["box"])  # type: ignore[index,call-overload]
    assert abs(box[:, 0].min() - 200) < 60


def test_ocr_of_a_blank_page_is_empty() -> None:
    blank = Image.new("RGB", (300, 200), "white")
    result = registry.run("ocr", input={}, media={"image": file(blank)})
    assert result.values == {"text": "", "lines": []}


def test_ocr_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    registry.run("ocr", input={}, media={"image": file(page(["quiet"]))})
    assert capfd.readouterr() == ("", "")
