"""The last steps of a painting, from the empty scene to the pixels of a file."""

from collections.abc import Iterable

import numpy as np

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.paint.canvas import Canvas
from apps.providers.local.paint.compose import set_into
from apps.providers.local.paint.layout import Placed
from apps.providers.local.paint.prompt import Plan
from apps.providers.local.paint.scenes import paint_weather
from apps.providers.local.paint.style import finished


def completed(canvas: Canvas, understood: Plan, items: Iterable[Placed]) -> Bytes2D:
    """Sets the things into the scene, lets it rain or snow, and finishes in the style asked for."""
    for item in items:
        set_into(canvas, item, under_water=understood.scene == "underwater")
    paint_weather(canvas, understood.scene)
    pixels = (np.clip(canvas.pixels, 0, 255) + 0.5).astype(np.uint8)
    return finished(pixels, understood.style)
