"""A projector of random weights in the form of LLaVA, small enough to be made in a test."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL_WIDTH = 576
"""of SmolLM2-135M, which takes what it makes"""
N_PATCHES = 16
_WIDTH, _PATCH, _SIDE, _INNER = 32, 8, 32, 64
_TYPES: dict[type, tuple[int, str]] = {bool: (7, "<?"), int: (4, "<I"), float: (6, "<f")}
"""of GGUF's values"""
_ALIGN = 32


def write_projector(path: Path) -> None:
    """Write a projector as GGUF that llama.cpp loads beside SmolLM2-135M."""
    meta: dict[str, Any] = {"general.architecture": "clip", "clip.has_vision_encoder": True}
    meta |= {"clip.projector_type": "mlp", "clip.use_gelu": True}
    vision = {"image_size": _SIDE, "patch_size": _PATCH, "embedding_length": _WIDTH, "feed_forward_length": _INNER}
    vision |= {"block_count": 1, "projection_dim": MODEL_WIDTH, "attention.head_count": 2}
    shades = {"attention.layer_norm_epsilon": 1e-5, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    meta |= {f"clip.vision.{name}": value for name, value in {**vision, **shades}.items()}
    random = np.random.default_rng(0)

    def both(name: str, *shape: int) -> dict[str, NDArray[np.float64]]:
        return {f"{name}.weight": random.normal(0, 0.05, shape), f"{name}.bias": random.normal(0, 0.05, shape[0])}

    tensors = both("v.patch_embd", _WIDTH, 3, _PATCH, _PATCH)
    tensors["v.position_embd.weight"] = random.normal(0, 0.05, (N_PATCHES, _WIDTH))
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        tensors |= both(f"v.blk.0.{name}", _WIDTH, _WIDTH)
    for name in ("v.blk.0.ln1", "v.blk.0.ln2", "v.post_ln"):
        tensors |= both(name, _WIDTH)
    tensors |= both("v.blk.0.ffn_up", _INNER, _WIDTH) | both("v.blk.0.ffn_down", _WIDTH, _INNER)
    tensors |= both("mm.0", MODEL_WIDTH, _WIDTH) | both("mm.2", MODEL_WIDTH, MODEL_WIDTH)
    path.write_bytes(_gguf(meta, tensors))


def _gguf(meta: dict[str, Any], tensors: dict[str, NDArray[np.float64]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(meta))
    head += b"".join(_text(name) + _value(value) for name, value in meta.items())
    data = b""
    for name, tensor in tensors.items():
        sizes = b"".join(struct.pack("<Q", size) for size in reversed(tensor.shape))
        head += _text(name) + struct.pack("<I", tensor.ndim) + sizes + struct.pack("<IQ", 0, len(data))
        data += _aligned(tensor.astype("<f4").tobytes())
    return _aligned(head) + data


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGN)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value: Any) -> bytes:  # noqa: ANN401 - any of GGUF's
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 6, len(value)) + b"".join(struct.pack("<f", one) for one in value)
    kind, form = _TYPES[type(value)]
    return struct.pack("<I", kind) + struct.pack(form, value)
