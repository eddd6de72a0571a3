"""Blows a silhouette up into a solid, as one would a balloon; the back mirrors the front."""

from dataclasses import dataclass

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Floats, Indices, Plane
from apps.providers.local.base import BadMedia

GRID = 192  # cells along the longer side
DEPTH = 0.6  # thickness as a part of a round body's
RELIEF = 0.012  # how far brightness lifts the surface, in lengths of the longer side
MIN_CELLS = 30


@dataclass(frozen=True)
class Mesh:
    """Triangles, wound outwards. Positions: longer side = 1, x right, y up, z to the viewer.

    Every edge belongs to exactly two triangles, which run along it in opposite directions.
    """

    positions: Floats  # (n, 3)
    normals: Floats  # (n, 3), of length 1
    texture: Floats  # (n, 2), from the top left corner, as glTF counts
    triangles: Indices  # (m, 3)


def inflate(colours: Bytes2D, mask: Bytes2D) -> Mesh:
    """The solid whose outline is the mask. Raises `BadMedia` where the mask is all but empty."""
    cells = _cells(mask)
    heights = _heights(cells, colours)
    index, rows, columns = _corners(cells)
    flat = _smooth_outline(rows, columns, index, cells)
    scale = max(cells.shape) - 2
    middle = (np.array(cells.shape) - 1) / 2
    x = (flat[:, 1] - middle[1]) / scale
    y = (middle[0] - flat[:, 0]) / scale
    z = heights[rows, columns]
    front = np.stack([x, y, z], 1)
    positions = np.concatenate([front, front * [1, 1, -1]]).astype(np.float32)
    inner = np.array(cells.shape) - 2
    uv = ((flat - 1) / inner)[:, ::-1].clip(0, 1)
    triangles = _triangles(cells, index, len(rows))
    texture = np.concatenate([uv, uv]).astype(np.float32)
    return Mesh(positions, _normals(positions, triangles), texture, triangles)


def _cells(mask: Bytes2D) -> Plane:
    """The grid cells that are subject, with an empty border; no two touch by a corner alone."""
    height, width = mask.shape
    factor = GRID / max(height, width)
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    cells = np.pad(_without_crumbs(small > 127), 1)
    while (gaps := _diagonals(cells)).any():
        cells |= gaps
    if cells.sum() < MIN_CELLS:
        raise BadMedia("No object stands out in the image, so no model could be made of it.")
    return cells


def _without_crumbs(cells: Plane) -> Plane:
    """Only bodies of at least a fiftieth of the largest."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept: Plane = (areas >= max(1, areas.max() / 50))[labels]
    return kept & cells


def _diagonals(cells: Plane) -> Plane:
    """Cells to fill so that none touches another by a corner alone (an edge of four triangles)."""
    a, b, c, d = cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]
    gaps = np.zeros_like(cells)
    gaps[:-1, 1:] |= a & d & ~b & ~c
    gaps[:-1, :-1] |= b & c & ~a & ~d
    # Filling by the border would open the solid there; fill inside instead.
    gaps[[0, -1]] = False
    gaps[:, [0, -1]] = False
    return gaps


def _heights(cells: Plane, colours: Bytes2D) -> Floats:
    """Height of the front at every corner of the grid, in lengths of the longer side."""
    rows, columns = cells.shape
    finer = cv2.resize(
        cells.astype(np.uint8), (columns * 2, rows * 2), interpolation=cv2.INTER_NEAREST
    )
    distance = cv2.distanceTransform(finer, cv2.DIST_L2, 5) / 2
    widest = float(distance.max())
    round_body = np.sqrt(np.maximum(0, distance * (2 * widest - distance)))
    smooth = cv2.GaussianBlur(round_body, (0, 0), 3)
    inside = np.clip(distance / 4, 0, 1)
    body = smooth * np.minimum(1, inside + 0.15) * DEPTH / max(rows - 2, columns - 2)
    grey = cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, ((columns - 2) * 2, (rows - 2) * 2), interpolation=cv2.INTER_AREA)
    light = np.pad(small.astype(np.float32) / 255, 2, mode="edge")
    detail = cv2.GaussianBlur(light, (0, 0), 2) - cv2.GaussianBlur(light, (0, 0), 10)
    relief = body + detail * RELIEF * inside
    # Corner (r, c) of the grid lies where four cells of the twice finer grid meet.
    corner = cv2.blur(relief, (2, 2))[::2, ::2]
    at_corners = np.zeros((rows + 1, columns + 1), np.float32)
    at_corners[:rows, :columns] = corner
    return np.maximum(at_corners, 0.003)


def _corners(cells: Plane) -> tuple[Indices, Indices, Indices]:
    """The corners in use: their numbers on the grid (-1 elsewhere), their rows and columns."""
    used = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), bool)
    for down in (0, 1):
        for right in (0, 1):
            used[down : down + cells.shape[0], right : right + cells.shape[1]] |= cells
    rows, columns = np.nonzero(used)
    index = np.full(used.shape, -1)
    index[rows, columns] = np.arange(len(rows))
    return index, rows, columns


def _squares(cells: Plane, index: Indices) -> tuple[Indices, Indices, Indices, Indices]:
    """Corner numbers of every cell: top left, top right, bottom left, bottom right."""
    r, c = np.nonzero(cells)
    return index[r, c], index[r, c + 1], index[r + 1, c], index[r + 1, c + 1]


def _triangles(cells: Plane, index: Indices, count: int) -> Indices:
    a, b, c, d = _squares(cells, index)
    front = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    start, end = _outline(cells, index).T
    rim = np.concatenate(
        [
            np.stack([end, start, start + count], 1),
            np.stack([end, start + count, end + count], 1),
        ]
    )
    return np.concatenate([front, front[:, ::-1] + count, rim])


def _outline(cells: Plane, index: Indices) -> Indices:
    """Edges with a cell on one side only, as (from, to), in the direction that cell walks them."""
    r, c = np.nonzero(cells)
    a, b, low, d = _squares(cells, index)
    sides = [
        (cells[r - 1, c], b, a),
        (cells[r, c - 1], a, low),
        (cells[r + 1, c], low, d),
        (cells[r, c + 1], d, b),
    ]
    return np.concatenate([np.stack([f[~n], t[~n]], 1) for n, f, t in sides])


def _smooth_outline(rows: Indices, columns: Indices, index: Indices, cells: Plane) -> Floats:
    """Corner places (row, column) after ironing the stairs out of the outline."""
    flat = np.stack([rows, columns], 1).astype(np.float32)
    edges = _outline(cells, index)
    for _ in range(4):
        total = np.zeros_like(flat)
        degree = np.zeros(len(flat), np.float32)
        for near, far in (edges.T, edges.T[::-1]):
            np.add.at(total, near, flat[far])
            np.add.at(degree, near, 1)
        moved = degree > 0
        flat[moved] = (flat[moved] + total[moved] / degree[moved, None]) / 2
    return flat


def _normals(positions: Floats, triangles: Indices) -> Floats:
    corners = positions[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(positions)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    return np.asarray(
        normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12), np.float32
    )
