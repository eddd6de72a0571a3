"""The scenes there are: how words mean them, who paints them, where things stand in them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from apps.providers.local.paint import land, places, water
from apps.providers.local.paint.canvas import Canvas
from apps.providers.local.paint.light import Light
from apps.providers.local.paint.sky import paint_sky, rain, snowfall


@dataclass(frozen=True)
class Scene:
    words: tuple[str, ...]  # a prompt that has one of them means this scene
    meaning: str  # what other prompts are compared with
    horizon: float  # from the top
    paint: Callable[[Canvas], None]
    floating: bool = False  # nothing stands on a floor here


SCENES: dict[str, Scene] = {
    "beach": Scene(
        ("beach", "shore", "coast", "island", "seaside"),
        "a sandy beach by the sea",
        0.46,
        water.beach,
    ),
    "underwater": Scene(
        ("underwater", "under water", "under the sea", "coral reef", "seabed", "aquarium"),
        "deep under water with fish",
        0.78,
        water.underwater,
        floating=True,
    ),
    "ocean": Scene(
        ("ocean", "sea", "lake", "waves", "harbour", "harbor", "river"),
        "the open ocean",
        0.46,
        water.ocean,
    ),
    "moon": Scene(
        ("on the moon", "lunar", "moon surface", "on mars"),
        "standing on the surface of the moon",
        0.6,
        places.moon,
    ),
    "space": Scene(
        ("space", "galaxy", "nebula", "cosmos", "universe", "orbit", "outer space"),
        "outer space with stars and planets",
        0.9,
        places.space,
        floating=True,
    ),
    "city": Scene(
        ("city", "street", "town", "downtown", "skyline", "urban", "road"),
        "a city street with tall buildings",
        0.64,
        places.city,
    ),
    "room": Scene(
        ("table", "kitchen", "room", "desk", "cafe", "indoors", "restaurant", "library", "office"),
        "on a table inside a room",
        0.6,
        places.room,
    ),
    "forest": Scene(
        ("forest", "woods", "woodland", "jungle", "trees"),
        "a forest with many trees",
        0.62,
        land.forest,
    ),
    "snow": Scene(
        ("snow", "snowy", "winter", "ice", "arctic", "antarctica", "christmas", "north pole"),
        "a snowy winter landscape",
        0.58,
        land.snow,
    ),
    "mountain": Scene(
        ("mountain", "mountains", "alps", "cliff", "valley", "canyon", "peak"),
        "high mountains",
        0.6,
        land.mountain,
    ),
    "desert": Scene(
        ("desert", "dune", "dunes", "sahara", "egypt", "sand"),
        "a desert with sand dunes",
        0.55,
        land.desert,
    ),
    "meadow": Scene(
        ("meadow", "garden", "grass", "park", "field", "farm", "countryside", "hill", "hills"),
        "a green meadow in the countryside",
        0.56,
        land.meadow,
    ),
}


def paint_scene(
    name: str, light: Light, width: int, height: int, rng: np.random.Generator
) -> Canvas:
    """The empty scene, before anything is set into it."""
    scene = SCENES[name]
    pixels = np.zeros((height, width, 3), np.float32)
    canvas = Canvas(pixels, int(height * scene.horizon), light, rng)
    paint_sky(canvas)
    scene.paint(canvas)
    np.clip(canvas.pixels, 0, 255, out=canvas.pixels)
    return canvas


def paint_weather(canvas: Canvas, name: str) -> None:
    """What falls in front of everything."""
    if name == "snow":
        snowfall(canvas)
    elif (
        canvas.light.name == "storm" and not SCENES[name].floating and name not in ("room", "moon")
    ):
        rain(canvas)
    np.clip(canvas.pixels, 0, 255, out=canvas.pixels)
