"""Times of day and weathers: the colours of the sky and what they do to everything below."""

from dataclasses import dataclass
from typing import Literal

Colour = tuple[float, float, float]
Lamp = Literal["sun", "low sun", "moon", "none"]


@dataclass(frozen=True)
class Light:
    name: str
    words: tuple[str, ...]  # a prompt that has one of them means this light
    sky: tuple[Colour, ...]  # from the zenith to the horizon
    tint: Colour  # what daylight colours are multiplied by
    lamp: Lamp
    lamp_colour: Colour
    haze: Colour  # what the distance fades to
    cloud: Colour
    cloud_shade: Colour
    cloudiness: float


DAY = Light(
    name="day",
    words=("day", "sunny", "morning", "noon"),
    sky=((46, 116, 204), (96, 164, 232), (168, 210, 246), (226, 240, 250)),
    tint=(1.0, 1.0, 1.0),
    lamp="sun",
    lamp_colour=(255, 250, 226),
    haze=(196, 220, 240),
    cloud=(255, 255, 255),
    cloud_shade=(176, 196, 220),
    cloudiness=0.46,
)
SUNSET = Light(
    name="sunset",
    words=("sunset", "sunrise", "dusk", "dawn", "evening", "golden hour", "twilight"),
    sky=((46, 40, 98), (122, 62, 122), (226, 96, 98), (255, 166, 92), (255, 220, 150)),
    tint=(0.98, 0.76, 0.70),
    lamp="low sun",
    lamp_colour=(255, 246, 206),
    haze=(246, 170, 126),
    cloud=(255, 196, 150),
    cloud_shade=(150, 82, 120),
    cloudiness=0.5,
)
NIGHT = Light(
    name="night",
    words=("night", "midnight", "moonlight", "moonlit", "starry", "dark"),
    sky=((6, 9, 32), (14, 22, 60), (32, 48, 98), (66, 84, 136)),
    tint=(0.34, 0.40, 0.62),
    lamp="moon",
    lamp_colour=(240, 242, 232),
    haze=(58, 76, 124),
    cloud=(92, 106, 150),
    cloud_shade=(34, 44, 84),
    cloudiness=0.3,
)
STORM = Light(
    name="storm",
    words=("storm", "stormy", "rain", "rainy", "cloudy", "overcast", "thunder", "gloomy", "fog"),
    sky=((58, 66, 82), (92, 102, 118), (134, 144, 156), (178, 184, 190)),
    tint=(0.66, 0.70, 0.76),
    lamp="none",
    lamp_colour=(220, 220, 224),
    haze=(162, 170, 180),
    cloud=(150, 158, 170),
    cloud_shade=(66, 74, 90),
    cloudiness=0.85,
)

LIGHTS = (SUNSET, NIGHT, STORM, DAY)
"""In the order a prompt is searched, so that "a rainy day" is rainy."""
