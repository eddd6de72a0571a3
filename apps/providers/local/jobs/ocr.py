"""Reads the text in a picture (PP-OCR: Chinese, English and other Latin writing)."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from rapidocr import RapidOCR

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import JsonValue, LocalResult, Progress
from apps.providers.local.pictures import on_white, picture, resized, shrunk
from apps.providers.local.sessions import Once, threads

LONGEST_SIDE = 2400
SMALL_SIDE = 1000  # below it letters are often too few pixels high to be told apart
DETECTION_SIDE = 1280  # finds the text of a full page; its default of 736 loses small print

_lock = threading.Lock()  # the pipeline keeps state between its two networks


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """Lines in reading order; boxes are corner points in pixels of the customer's picture."""
    colours = on_white(*picture(media))
    progress(20)
    fitting = _fitting(colours)
    factor = colours.shape[1] / fitting.shape[1]
    with _lock:
        found = _engine()(np.ascontiguousarray(fitting[..., ::-1]))  # it wants B, G, R
    progress(100)
    lines = _lines(found, factor)
    text = "\n".join(str(line["text"]) for line in lines)
    listed: list[JsonValue] = list(lines)
    return LocalResult("neural", (), {"text": text, "lines": listed})


def _fitting(colours: Bytes2D) -> Bytes2D:
    height, width = colours.shape[:2]
    if max(height, width) < SMALL_SIDE:
        return resized(colours, width * 2, height * 2)
    return shrunk(colours, LONGEST_SIDE)


def _lines(found: Any, factor: float) -> list[dict[str, JsonValue]]:
    if found.txts is None:
        return []
    return [
        {
            "text": text,
            "score": round(float(score), 4),
            "box": [[round(float(x) * factor), round(float(y) * factor)] for x, y in box],
        }
        for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
    ]


def _load() -> RapidOCR:
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            # The classifier of upside-down lines turns too many that are upright.
            "Global.use_cls": False,
            "Det.limit_side_len": DETECTION_SIDE,
            "Det.limit_type": "max",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads(),
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
        }
    )


_engine = Once(_load)
