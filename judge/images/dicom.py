"""Render the first frame of a DICOM file as its window says; nothing else of the file is used."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from judge.images.file_types import Size, UnusableImageError
from judge.images.redraw import check_size, fitting, grey

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


NO_PYDICOM = "pip install 'omr-judge[dicom]'"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""the class of copies of a screen or a film; its multi-frame kinds begin so too"""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
"""the transfer syntax's name, which stands unpacked at the beginning"""


def render_dicom(content: bytes, *, max_side: int, burned_in: bool) -> tuple[Picture, Size]:
    """Return the first frame, in grey or RGB, and the size that the file states.

    Args:
        content: the file.
        max_side: longest side of the picture, pixels.
        burned_in: take a picture that may hold text about the patient.

    Raises:
        UnusableImageError: pydicom is missing, or the file cannot be drawn, or says that a patient's data stand in the
            picture itself.
    """
    try:
        import pydicom  # noqa: PLC0415 - an extra
    except ImportError:
        raise UnusableImageError("is DICOM, which needs pydicom", NO_PYDICOM) from None
    if _DEFLATED in content:
        raise UnusableImageError("is deflated DICOM, which may unpack to any size", "convert it to PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of much that does not touch the picture
        try:
            dataset = pydicom.dcmread(io.BytesIO(content))
            size = _checked(dataset, burned_in=burned_in)
            picture = _render_frame(dataset)
        except UnusableImageError:
            raise
        except Exception as error:  # pydicom raises almost anything for a damaged file
            hint = "compressed DICOM may need `pip install pylibjpeg[all]`, or convert it to PNG"
            raise UnusableImageError(f"cannot be drawn from DICOM: {error}"[:300], hint) from error
    wanted = fitting(picture.size, max_side)
    return (picture if wanted == picture.size else picture.resize(wanted, reducing_gap=2.0)), size


def _checked(dataset: Any, *, burned_in: bool) -> Size:  # noqa: ANN401 - a pydicom dataset, whose members are dynamic
    """Return the size that a file states, unless it may not be decoded or sent."""
    size = int(dataset.Columns), int(dataset.Rows)
    check_size(size, costly=True)
    if not burned_in and (doubt := _burned_in(dataset)) is not None:
        hint = "blank such text out and set BurnedInAnnotation to NO; --accept-burned-in sends the picture as it is"
        raise UnusableImageError(f"{doubt} text burned into its picture, which may name the patient", hint)
    return size


def _burned_in(dataset: Any) -> str | None:  # noqa: ANN401
    """Say why a picture may hold text; None where its file states that it holds none, and it is no copy of a screen."""
    match str(dataset.get("BurnedInAnnotation") or "").strip().upper():
        case "YES":
            return "states that there is"
        case "NO":
            classes = (dataset.get("SOPClassUID"), dataset.file_meta.get("MediaStorageSOPClassUID"))
            copied = any(str(one).startswith(_SECONDARY_CAPTURE) for one in classes) or "ConversionType" in dataset
            return "is a secondary capture, which often has" if copied else None
        case _:
            return "does not state that there is no"


def _render_frame(dataset: Any) -> Picture:  # noqa: ANN401
    from PIL import Image  # noqa: PLC0415 - only where there are images
    from pydicom import pixels  # noqa: PLC0415 - an extra

    values = pixels.pixel_array(dataset, index=0)  # type: ignore[attr-defined]  # colours arrive as RGB
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        values = pixels.apply_color_lut(values, dataset)  # type: ignore[attr-defined]
        values = values >> 8 if values.itemsize > 1 else values
    if values.ndim == 3:  # noqa: PLR2004 - rows, columns, colours
        return Image.fromarray(values.astype("uint8"))
    values = pixels.apply_modality_lut(values, dataset)  # type: ignore[attr-defined]
    limits = _window(dataset)
    if limits is None:  # by the file's own table, where it has one
        values = pixels.apply_voi_lut(values, dataset)  # type: ignore[attr-defined]
    picture = grey(values, limits=limits)
    return picture.point([255 - level for level in range(256)]) if photometric == "MONOCHROME1" else picture


def _window(dataset: Any) -> tuple[float, float] | None:  # noqa: ANN401
    """Return the values that are black and white by the file's first window (PS3.3 C.11.2.1.2); None without one."""
    if "WindowCenter" not in dataset or dataset.get("VOILUTFunction", "LINEAR") == "SIGMOID":
        return None
    centre, width = (_first(dataset[name].value) for name in ("WindowCenter", "WindowWidth"))
    low = centre - 0.5 - (width - 1) / 2
    return low, low + width - 1


def _first(value: Any) -> float:  # noqa: ANN401 - a number, or several
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
