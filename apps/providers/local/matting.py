"""Which pixels are the subject: U2-Net-p, a small salient-object network, with sharpened edges."""

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Plane
from apps.providers.local.pictures import resized
from apps.providers.local.sessions import Once, onnx_session
from apps.providers.local.weightstore import WEIGHTS

SIDE = 320  # the only input size the network was trained for
GUIDE_SIDE = 1024  # edges are followed at this size; more costs time and shows nothing
STRIP = 512
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's, which the network was fed with
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


_session = Once(lambda: onnx_session(WEIGHTS.path("u2netp.onnx")))


def subject_mask(colours: Bytes2D) -> Bytes2D:
    """255 where the subject is, 0 where the background is; the size of the input.

    Where a picture has no subject that stands out, the network picks what it likes best.
    """
    height, width = colours.shape[:2]
    coarse = _predict(colours)
    small = _small(colours)
    slope, offset = _guided(small, cv2.resize(coarse, small.shape[1::-1]))
    mask = np.empty((height, width), np.uint8)
    for top in range(0, height, STRIP):
        rows = slice(top, min(top + STRIP, height))
        mask[rows] = _applied(colours, rows, slope, offset)
    return mask


def _predict(colours: Bytes2D) -> Plane:
    image = resized(colours, SIDE, SIDE).astype(np.float32)
    image /= max(float(image.max()), 1.0)
    batch = ((image - _MEAN) / _DEVIATION).transpose(2, 0, 1)[None]
    session = _session()
    output: Plane = session.run(None, {session.get_inputs()[0].name: batch})[0][0, 0]
    low, high = float(output.min()), float(output.max())
    return (output - low) / max(high - low, 1e-6)


def _small(colours: Bytes2D) -> Plane:
    height, width = colours.shape[:2]
    factor = min(1.0, GUIDE_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small: Plane = cv2.resize(colours, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small / 255


def _guided(guide: Plane, mask: Plane) -> tuple[Plane, Plane]:
    """The colour guided filter of He, Sun and Tang (2010): mask = slope . colour + offset, locally.

    It lets the network's soft 320-pixel edge snap to the edge that the picture really has.
    """
    radius = max(2, round(max(mask.shape) / 90))

    def mean(plane: Plane) -> Plane:
        blurred: Plane = cv2.boxFilter(plane, -1, (2 * radius + 1,) * 2)
        return blurred

    guide_mean, mask_mean = mean(guide), mean(mask)
    covariance = mean(guide * mask[..., None]) - guide_mean * mask_mean[..., None]
    variance = np.empty((*mask.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            product = mean(guide[..., i] * guide[..., j])
            variance[..., i, j] = product - guide_mean[..., i] * guide_mean[..., j]
            variance[..., j, i] = variance[..., i, j]
    variance += np.eye(3, dtype=np.float32) * 1e-4
    slope = np.linalg.solve(variance, covariance[..., None])[..., 0]
    offset = mask_mean - (slope * guide_mean).sum(-1)
    return mean(slope.astype(np.float32)), mean(offset)


def _applied(colours: Bytes2D, rows: slice, slope: Plane, offset: Plane) -> Bytes2D:
    """One strip of the full-size mask, so that a 25-megapixel picture needs no float copy."""
    height, width = colours.shape[:2]
    model = _strip_of(np.dstack([slope, offset]), rows, height, width)
    value = (model[..., :3] * (colours[rows].astype(np.float32) / 255)).sum(-1) + model[..., 3]
    # Faint leftovers of the background and faint holes in the subject both go.
    value = np.clip((value - 0.08) / 0.84, 0, 1)
    return np.asarray((value * 255 + 0.5).astype(np.uint8))


def _strip_of(plane: Plane, rows: slice, height: int, width: int) -> Plane:
    """The rows of `plane` as if it had been enlarged to height x width."""
    scale_y, scale_x = plane.shape[0] / height, plane.shape[1] / width
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * scale_y - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * scale_x - 0.5
    at_x, at_y = np.meshgrid(x, y)
    strip: Plane = cv2.remap(plane, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return strip
