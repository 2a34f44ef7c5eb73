"""Render pictures with Pillow, in bounded memory: open, shrink, turn, and write them without metadata."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from judge.images.file_types import Kind, Size, UnusableError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as Picture


MAX_PIXELS = 50_000_000
MAX_COSTLY_PIXELS = 16_000_000
"""for WebP and for more than 8 bits a channel, whose decoding takes up to 16 bytes a pixel"""
JPEG_QUALITY = 92
_ORIENTATION = 0x0112
_EIGHT_BITS = {"L", "LA", "RGB", "RGBA"}


def check_size(size: Size, *, costly: bool = False) -> None:
    """Refuse an image by the size that its header states, before anything of it is decoded."""
    most = MAX_COSTLY_PIXELS if costly else MAX_PIXELS
    if size[0] * size[1] > most:
        raise UnusableError(
            f"{size[0]} x {size[1]} pixels are {size[0] * size[1] / 1e6:.0f} megapixels",
            f"images of this type may have {most // 10**6} megapixels: scale it down",
        )


@contextmanager
def opened(content: bytes, kind: Kind) -> Iterator[Picture]:
    """Yield an image whose header is read and whose pixels are not; UnusableError where it is broken, within too."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only where there are images

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Corrupt EXIF")  # it is left out in any case
        try:
            with Image.open(io.BytesIO(content), formats=(kind.value,)) as picture:
                check_size(picture.size, costly=kind is Kind.WEBP or _is_wide(picture.mode))
                yield picture
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise UnusableError(f"more than {MAX_PIXELS // 10**6} megapixels", "scale it down") from error
        except UnidentifiedImageError as error:
            raise UnusableError(f"is no readable {kind.value}", "copy or save it again") from error
        except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError, Warning) as error:
            raise UnusableError(f"is damaged or cut off: {error}", "copy or save it again") from error


def decode_wholly(picture: Picture) -> None:
    """Decode every byte of an image, so that a damaged one is found; a JPEG at an eighth of its size."""
    picture.draft(None, (1, 1))
    picture.load()


def needs_rendering(picture: Picture) -> bool:
    """Say whether an image looks as it should only with its metadata: it is turned, or its colours are not sRGB."""
    profile = picture.info.get("icc_profile")
    return orientation(picture) != 1 or (profile is not None and not _is_srgb(profile))


def orientation(picture: Picture) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; 1 where the metadata cannot be read."""
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, Warning):
        return 1
    return found if found in range(1, 9) else 1


def render_picture(picture: Picture, kind: Kind, *, max_side: int) -> Picture:
    """Return an image upright, in sRGB, with 8 bits a channel, and no side longer than `max_side` (0: as it is)."""
    from PIL import Image  # noqa: PLC0415 - only where there are images

    size = fitting(picture.size, max_side)
    turned = orientation(picture)
    if size != picture.size:
        picture.draft(None, (2 * size[0], 2 * size[1]))
    picture.load()
    profile = picture.info.get("icc_profile")
    image = in_eight_bits(picture, stretch=kind is Kind.TIFF)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    image = in_srgb(image, profile) if profile and not _is_srgb(profile) else image
    image = image.convert("RGB") if image.mode == "CMYK" else image
    turns = Image.Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(turned)
    return image if turn is None else image.transpose(turn)


def fitting(size: Size, max_side: int) -> Size:
    """Return a size whose longest side is at most `max_side`, of the same proportions; 0 changes nothing."""
    longest = max(size)
    if not max_side or longest <= max_side:
        return size
    return max(1, round(size[0] * max_side / longest)), max(1, round(size[1] * max_side / longest))


def in_eight_bits(picture: Picture, *, stretch: bool) -> Picture:
    """Return an image whose channels have 8 bits.

    Args:
        picture: of any mode.
        stretch: let the darkest and the brightest value of 16 bits become black and white, as their scale is unknown.
    """
    if _is_wide(picture.mode):
        import numpy as np  # noqa: PLC0415 - only for such images

        values = np.asarray(picture)
        sixteen = picture.mode.startswith("I;16") and not stretch
        return grey(values, limits=(0.0, 65535.0) if sixteen else None)
    if picture.mode in _EIGHT_BITS or picture.mode == "CMYK":
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("RGBA" if "transparency" in picture.info or picture.mode in {"PA", "RGBa"} else "RGB")


def grey(values: np.ndarray[Any, Any], *, limits: tuple[float, float] | None = None) -> Picture:
    """Render numbers, an array of rows and columns, in grey from the lower limit (black) to the upper one (white).

    Without limits, these are the smallest and the largest number; what is not finite is black.
    """
    import numpy as np  # noqa: PLC0415 - only for such images
    from PIL import Image  # noqa: PLC0415

    scaled = values.astype(np.float32)
    finite = np.isfinite(scaled)
    if limits is None:
        limits = (float(scaled.min(where=finite, initial=np.inf)), float(scaled.max(where=finite, initial=-np.inf)))
    low, high = limits
    scaled -= np.float32(low)
    scaled *= np.float32(255 / (high - low) if high > low else 0)
    scaled[~finite] = 0
    return Image.fromarray(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8))


def _is_wide(mode: str) -> bool:
    return mode == "F" or mode.startswith("I")


def in_srgb(image: Picture, profile: bytes) -> Picture:
    """Return an image in sRGB; one whose profile does not apply stays as it is."""
    from PIL import Image, ImageCms  # noqa: PLC0415 - only where there is a profile

    alpha = image.getchannel("A") if image.mode in {"RGBA", "LA"} else None
    plain = image.convert(image.mode[:-1]) if alpha else image
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(plain, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if converted is None:  # only an image that is changed in place gives None
        return image
    if alpha is None:
        return converted
    return Image.merge("RGBA", (*converted.split(), alpha))


def _is_srgb(profile: bytes) -> bool:
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def as_png(image: Picture) -> bytes:
    """Write an image as PNG."""
    return _written(image, "PNG")


def as_jpeg(image: Picture) -> bytes:
    """Write an image as JPEG, what is transparent in white."""
    return _written(on_white(image), "JPEG", quality=JPEG_QUALITY, subsampling=0)


def on_white(image: Picture) -> Picture:
    """Return an image without transparency, in grey or RGB."""
    from PIL import Image  # noqa: PLC0415 - only where there are images

    if image.mode in {"L", "RGB"}:
        return image
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def _written(image: Picture, form: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    file = io.BytesIO()
    image.info.clear()  # Pillow writes what it finds there: comments, profiles, text
    image.save(file, form, **options)
    return file.getvalue()
