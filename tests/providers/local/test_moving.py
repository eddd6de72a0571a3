"""The jobs that make films and models of a picture."""

import json
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from apps.providers.local import registry
from apps.providers.local.base import BadMedia, LocalResult
from tests.providers.local.pictures import artefact, ball, file, frames, pixels


def film(duration: float, motion: str, image: Image.Image) -> LocalResult:
    options = {"duration": duration, "motion": motion}
    return registry.run("parallax_video", input=options, media={"image": file(image)})


@pytest.mark.parametrize("motion", ["left", "right", "zoom_in", "orbit"])
def test_parallax_video_moves_the_subject_against_its_ground(motion: str) -> None:
    result = film(2, motion, ball(241, 181))
    made = artefact(result, "video_url")
    shown, codec, form = frames(made)
    assert result.engine == "hybrid"
    assert result.values == {"width": 240, "height": 180, "duration": 2000, "motion": motion}
    assert (made.content_type, codec, form) == ("video/mp4", "h264", "yuv420p")
    assert shown.shape == (48, 180, 240, 3)
    red = (shown[..., 0] > 150) & (shown[..., 2] < 100)
    middle = [np.argwhere(frame)[:, 1].mean() for frame in red]
    area = red.sum((1, 2)) / red[0].sum()
    if motion == "left":
        assert middle[-1] < middle[0] - 8
    elif motion == "right":
        assert middle[-1] > middle[0] + 8
    elif motion == "zoom_in":
        assert area[-1] > 1.2
    else:
        assert np.ptp(middle) > 6
        assert abs(middle[-1] - middle[0]) < 2  # the film can be looped


def test_parallax_video_starts_playing_at_once_and_leaves_no_ghost_behind() -> None:
    made = artefact(film(2, "right", ball()), "video_url")
    assert 0 < made.data.index(b"moov") < made.data.index(b"mdat")
    last = frames(made)[0][-1].astype(int)
    reddish = last[..., 0] - last[..., 2] > 40
    assert np.ptp(np.flatnonzero(reddish.any(0))) < 180 * 0.6 * 1.2


@pytest.mark.parametrize(("size", "expected"), [((3000, 40), (960, 64)), ((50, 30), (64, 64))])
def test_parallax_video_fits_odd_pictures(size: tuple[int, int], expected: tuple[int, int]) -> None:
    values = film(2, "left", Image.new("RGB", size, "green")).values
    assert (values["width"], values["height"]) == expected


def glb(data: bytes) -> tuple[dict[str, object], list[bytes]]:
    """The JSON of a GLB and the bytes of its buffer views, after checking its frame."""
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    document = json.loads(data[20 : 20 + size])
    body_size, body_kind = struct.unpack_from("<I4s", data, 20 + size)
    assert body_kind == b"BIN\0"
    body = data[28 + size :]
    assert len(body) == body_size == document["buffers"][0]["byteLength"]
    views = document["bufferViews"]
    return document, [body[v["byteOffset"] : v["byteOffset"] + v["byteLength"]] for v in views]


def model(image: Image.Image) -> LocalResult:
    return registry.run("image_to_3d", input={}, media={"image": file(image)})


@pytest.fixture(scope="module")
def made() -> LocalResult:
    return model(ball(220, 200))


def triangles(data: bytes) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    _, views = glb(data)
    positions = np.frombuffer(views[0], "<f4").reshape(-1, 3)
    return positions, np.frombuffer(views[3], "<u4").reshape(-1, 3)


def assert_watertight(positions: NDArray[np.float32], faces: NDArray[np.uint32]) -> None:
    """Every edge is walked once in each direction, and the body is not inside out."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    walked, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 1
    assert (np.unique(walked[:, ::-1], axis=0) == walked).all()
    a, b, c = positions[faces].transpose(1, 0, 2).astype(float)
    assert (a * np.cross(b, c)).sum() / 6 > 0


def test_image_to_3d_makes_a_closed_body(made: LocalResult) -> None:
    positions, faces = triangles(artefact(made, "model_file").data)
    assert made.engine == "hybrid"
    assert made.values == {"vertices": len(positions), "triangles": len(faces)}
    assert_watertight(positions, faces)
    spans = np.ptp(positions, axis=0)
    assert 0.4 < spans[0] < 0.7
    assert 0.4 < spans[1] < 0.7
    assert 0.15 < spans[2] < 0.7


def test_image_to_3d_writes_a_sound_gltf(made: LocalResult) -> None:
    document, views = glb(artefact(made, "model_file").data)
    positions, faces = triangles(artefact(made, "model_file").data)
    accessors = document["accessors"]
    assert [a["count"] for a in accessors] == [len(positions)] * 3 + [faces.size]  # type: ignore[attr-defined]
    assert faces.max() == len(positions) - 1
    assert np.allclose(accessors[0]["min"], positions.min(0))  # type: ignore[index]
    assert np.allclose(
        np.linalg.norm(np.frombuffer(views[1], "<f4").reshape(-1, 3), axis=1), 1, atol=1e-4
    )
    texture = np.frombuffer(views[2], "<f4")
    assert texture.min() >= 0
    assert texture.max() <= 1
    assert views[4][:3] == b"\xff\xd8\xff"


def test_image_to_3d_shows_the_model_turning(made: LocalResult) -> None:
    shown, codec, _ = frames(artefact(made, "combined_video"))
    assert (codec, shown.shape) == ("h264", (72, 400, 400, 3))
    red = ((shown[..., 0] > 120) & (shown[..., 2] < 110)).sum((1, 2))
    assert red.min() > 8000
    assert red[18] < red[0] * 0.95  # from the side it is thinner
    side = shown[18].astype(int)
    assert side[200, 200, 0] - side[200, 200, 2] > 40  # and has no holes there


def test_image_to_3d_gives_the_cut_out(made: LocalResult) -> None:
    picture = pixels(artefact(made, "no_background_image"))
    assert picture.shape == (200, 220, 4)
    assert picture[100, 110, 3] > 240
    assert picture[5, 5, 3] < 15


def test_image_to_3d_closes_bodies_that_touch_by_a_corner() -> None:
    image = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    for column in range(6):
        for row in range(6):
            if (row + column) % 2:
                image.paste(
                    (200, 90, 40, 255), (column * 16, row * 16, column * 16 + 16, row * 16 + 16)
                )
    positions, faces = triangles(artefact(model(image), "model_file").data)
    assert_watertight(positions, faces)


def test_image_to_3d_refuses_a_picture_without_an_object() -> None:
    empty = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    with pytest.raises(BadMedia, match="No object stands out"):
        model(empty)
