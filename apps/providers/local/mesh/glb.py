"""Writes binary glTF 2.0: one mesh, one material, one texture, all in one file."""

import json
import struct

import numpy as np

from apps.providers.local.base import Artefact, JsonValue
from apps.providers.local.mesh.inflate import Mesh

FLOAT, UNSIGNED_INT = 5126, 5125  # component types of the glTF 2.0 specification
ARRAY, ELEMENT_ARRAY = 34962, 34963  # buffer targets of the same


def glb(key: str, mesh: Mesh, jpeg: bytes) -> Artefact:
    """A GLB of the mesh with the JPEG as its colour."""
    blocks = [
        mesh.positions.astype("<f4").tobytes(),
        mesh.normals.astype("<f4").tobytes(),
        mesh.texture.astype("<f4").tobytes(),
        mesh.triangles.astype("<u4").tobytes(),
        jpeg,
    ]
    views, body = _packed(blocks)
    document = json.dumps(_document(mesh, views, len(body)), separators=(",", ":")).encode()
    document += b" " * (-len(document) % 4)
    chunks = struct.pack("<I4s", len(document), b"JSON") + document
    chunks += struct.pack("<I4s", len(body), b"BIN\0") + body
    data = struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
    return Artefact(key, data, "model/gltf-binary", "glb")


def _packed(blocks: list[bytes]) -> tuple[list[JsonValue], bytes]:
    """Blocks one after the other, each at a multiple of four bytes, and their views."""
    targets = [ARRAY, ARRAY, ARRAY, ELEMENT_ARRAY, None]
    views: list[JsonValue] = []
    body = b""
    for block, target in zip(blocks, targets, strict=True):
        view: dict[str, JsonValue] = {
            "buffer": 0,
            "byteOffset": len(body),
            "byteLength": len(block),
        }
        views.append(view | {"target": target} if target else view)
        body += block + b"\0" * (-len(block) % 4)
    return views, body


def _document(mesh: Mesh, views: list[JsonValue], length: int) -> dict[str, JsonValue]:
    return {
        "asset": {"version": "2.0", "generator": "Modelyard local engine"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2},
                        "indices": 3,
                        "material": 0,
                    }
                ]
            }
        ],
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": 0},
                    "metallicFactor": 0,
                    "roughnessFactor": 0.85,
                }
            }
        ],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
        "images": [{"bufferView": 4, "mimeType": "image/jpeg"}],
        "buffers": [{"byteLength": length}],
        "bufferViews": views,
        "accessors": _accessors(mesh),
    }


def _accessors(mesh: Mesh) -> list[JsonValue]:
    count = len(mesh.positions)
    box: dict[str, JsonValue] = {
        "min": [float(value) for value in np.min(mesh.positions, axis=0)],
        "max": [float(value) for value in np.max(mesh.positions, axis=0)],
    }
    return [
        {"bufferView": 0, "componentType": FLOAT, "count": count, "type": "VEC3", **box},
        {"bufferView": 1, "componentType": FLOAT, "count": count, "type": "VEC3"},
        {"bufferView": 2, "componentType": FLOAT, "count": count, "type": "VEC2"},
        {
            "bufferView": 3,
            "componentType": UNSIGNED_INT,
            "count": mesh.triangles.size,
            "type": "SCALAR",
        },
    ]
