"""Names for the arrays that pass between modules.

They say what an array holds. The element type is left open in the annotation, because neither
NumPy's nor OpenCV's own annotations keep it through ordinary arithmetic.
"""

from typing import Any

from numpy.typing import NDArray

Floats = NDArray[Any]
"""float32, of whatever shape the place says."""

Plane = NDArray[Any]
"""float32, (height, width), mostly 0 to 1."""

Bytes2D = NDArray[Any]
"""uint8, (height, width) or (height, width, channels), 0 to 255; colours in the order R, G, B."""

Indices = NDArray[Any]
"""Whole numbers that point into another array."""

Samples = NDArray[Any]
"""float32, -1 to 1: (n,) for one channel, (2, n) for left and right."""
