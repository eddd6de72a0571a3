"""Cuts the subject of a picture out of its background."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from apps.providers.local.base import LocalResult, Progress
from apps.providers.local.matting import subject_mask
from apps.providers.local.pictures import picture, png


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """A PNG of the same size with transparency; places that were transparent stay so."""
    progress(5)
    colours, alpha = picture(media)
    progress(25)
    mask = subject_mask(colours)
    if alpha is not None:
        mask = np.minimum(mask, alpha)
    progress(75)
    cut_out = png("image_url", np.dstack([colours, mask]))
    progress(100)
    height, width = mask.shape
    return LocalResult("neural", (cut_out,), {"width": width, "height": height})
