"""Real image files for tests, written by Pillow and pydicom."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from judge.images.image_store import ImageStore
from judge.images.loader import ImageLoader
from judge.images.preparing import MAX_SIDE, ImageOptions
from judge.schema import Image as SentImage

SIZE = (60, 40)


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a gradient whose four corners differ."""
    across = np.linspace(0, 200, size[0])[None, :] + np.linspace(0, 55, size[1])[:, None]
    return Image.fromarray(across.astype(np.uint8)).convert(mode)


def written(form: str = "PNG", mode: str = "RGB", size: tuple[int, int] = SIZE, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    file = BytesIO()
    picture(mode, size).save(file, form, **options)
    return file.getvalue()


def noise(size: tuple[int, int], form: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    """Return an image that does not compress."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def read(content: bytes) -> Image.Image:
    opened = Image.open(BytesIO(content))
    opened.load()
    return opened


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG's chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_stating(width: int, height: int) -> bytes:
    """Return a PNG whose header states a size, and whose pixels are one byte."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_bomb(side: int) -> bytes:
    """Return a whole, valid PNG of black pixels: at 9,000 a side 81 megapixels in about 10 KB."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    pixels = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def animated(frames: int, form: str = "GIF") -> bytes:
    file = BytesIO()
    pictures = [Image.fromarray(np.full((8, 8, 3), number % 251, np.uint8)) for number in range(frames)]
    pictures[0].save(file, form, save_all=True, append_images=pictures[1:])
    return file.getvalue()


def dicom(values: np.ndarray[Any, Any], **tags: Any) -> bytes:  # noqa: ANN401 - any element's value
    """Return a DICOM file of grey values, an array of rows and columns (or of frames of them)."""
    from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: PLC0415 - slow to import
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid  # noqa: PLC0415

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = tags.pop("syntax", ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["x"])
    file = BytesIO()
    data = FileDataset(file, {}, file_meta=meta, preamble=bytes(128))
    bits = 8 * values.itemsize
    grey: dict[str, Any] = {
        "PatientName": "CANARY^NAME",
        "BurnedInAnnotation": "NO",
        "Rows": values.shape[-2],
        "Columns": values.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(values.dtype.kind == "i"),
        "PixelData": values.tobytes(),
    }
    for name, value in {**grey, **tags}.items():
        setattr(data, name, value)
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def load_image(path: Path, *, max_side: int = MAX_SIDE, store: ImageStore | None = None) -> SentImage:
    """Check an image file in any folder, and return what is sent of it."""
    return ImageLoader(ImageOptions(max_side, (Path(path.absolute().anchor),)), store).load(path)
