"""What is sent of an image file: its own bytes where they are fit to be sent, else a copy that is."""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import SIZE, animated, chunk, dicom, noise, picture, png_stating, read, written
from PIL import Image, ImageCms, PngImagePlugin

from judge.images import preparing
from judge.images import redraw as drawing
from judge.images.file_types import Kind, UnusableImageError, kind_of
from judge.images.preparing import MAX_SENT_BYTES, prepare
from judge.images.redraw import fitting, grey, in_srgb
from judge.images.strip_metadata import strip_metadata

CANARY = b"CANARY"
CLEAN: list[tuple[str, str, dict[str, Any]]] = [
    ("PNG", "RGB", {}),
    ("PNG", "L", {}),
    ("PNG", "P", {}),
    ("PNG", "1", {}),
    ("PNG", "RGBA", {"dpi": (72, 72)}),
    ("PNG", "I;16", {}),
    ("JPEG", "RGB", {}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "RGB", {"progressive": True}),
    ("JPEG", "RGB", {"restart_marker_blocks": 1}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("WEBP", "RGBA", {}),
    ("GIF", "L", {}),
]


def as_stored(form: str, mode: str, options: dict[str, Any]) -> bytes:
    return written(form, mode, **options)


@pytest.mark.parametrize(("form", "mode", "options"), CLEAN)
def test_an_image_without_metadata_within_the_limits_is_sent_byte_for_byte(
    form: str, mode: str, options: dict[str, Any]
) -> None:
    content = as_stored(form, mode, options)
    sent = prepare(content)
    assert sent.content == content
    assert (sent.size, sent.original_size) == (SIZE, SIZE)
    assert sent.media_type == f"image/{form.lower()}"


@pytest.mark.parametrize(("form", "mode", "options"), CLEAN)
def test_a_longer_side_is_scaled_down_to_the_limit_and_the_shape_kept(
    form: str, mode: str, options: dict[str, Any]
) -> None:
    sent = prepare(as_stored(form, mode, options), max_side=30)
    assert (sent.size, sent.original_size) == ((30, 20), SIZE)
    assert read(sent.content).size == (30, 20)
    lossy = form == "JPEG" or (form == "WEBP" and not options)  # the alpha here is opaque, and not stored
    assert sent.media_type == ("image/jpeg" if lossy else "image/png")
    assert strip_metadata(sent.content, kind_of(sent.content)) == sent.content, "no metadata"
    assert prepare(as_stored(form, mode, options), max_side=30).content == sent.content, "the same bytes each time"
    shrunk = read(sent.content).convert("L")
    expected = picture("L").resize((30, 20))
    if mode not in {"1", "CMYK", "I;16"}:
        assert np.abs(np.asarray(shrunk, int) - np.asarray(expected, int)).max() <= 16


@pytest.mark.parametrize("form", ["TIFF", "BMP"])
def test_formats_that_judges_do_not_take_are_sent_as_png_without_loss(form: str) -> None:
    sent = prepare(written(form))
    assert (sent.media_type, sent.size) == ("image/png", SIZE)
    assert read(sent.content).tobytes() == picture().tobytes()


def test_side_zero_sends_every_size() -> None:
    content = written(size=(2000, 10))
    assert prepare(content, max_side=0).content == content
    assert prepare(content).size == (1920, 10)


def exif(**tags: Any) -> Image.Exif:  # noqa: ANN401 - any tag's value
    """Return EXIF with a name, a place and what is given."""
    made = Image.Exif()
    made[0x010E] = CANARY.decode()
    made.get_ifd(0x8825)[1] = "N"
    for name, value in tags.items():
        made[{"orientation": 0x0112}[name]] = value
    return made


def with_metadata(form: str) -> bytes:
    """Return an image with everything that a format can hold beside the picture."""
    options: dict[str, Any] = {"exif": exif()}
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", CANARY.decode())
        text.add_itxt("XML:com.adobe.xmp", CANARY.decode())
        text.add_text("zipped", CANARY.decode(), zip=True)
        options["pnginfo"] = text
    elif form == "GIF":
        options = {"comment": CANARY}
    elif form == "TIFF":
        options = {"description": CANARY.decode()}
    else:
        options["xmp"] = CANARY
    if form == "JPEG":
        options["comment"] = CANARY
    return written(form, **options)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
def test_metadata_never_leave_this_machine_and_the_pixels_stay_as_they_are(form: str) -> None:
    content = with_metadata(form)
    assert CANARY in content
    sent = prepare(content)
    assert CANARY not in sent.content
    assert len(sent.content) < len(content) or form == "TIFF"
    found = read(sent.content)
    assert found.tobytes() == read(content).tobytes()
    assert not found.getexif()
    assert not {"comment", "xmp", "Author", "exif"} & found.info.keys()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_scaled_copies_hold_no_metadata_either(form: str) -> None:
    assert CANARY not in prepare(with_metadata(form), max_side=20).content


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_exif_says(orientation: int) -> None:
    from PIL import ImageOps  # noqa: PLC0415

    content = written("PNG", exif=exif(orientation=orientation))
    sent = prepare(content)
    expected = ImageOps.exif_transpose(read(content))
    assert sent.size == expected.size == (SIZE if orientation < 5 else SIZE[::-1])
    assert sent.original_size == SIZE
    assert read(sent.content).tobytes() == expected.tobytes()


@pytest.mark.parametrize("content", [b"Exif\0\0broken", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"])
def test_broken_exif_is_left_out_and_no_reason_to_refuse(content: bytes) -> None:
    sent = prepare(written("JPEG", exif=content))
    assert sent.content == written("JPEG")


def test_an_orientation_that_does_not_exist_turns_nothing() -> None:
    assert prepare(written("JPEG", exif=exif(orientation=77))).content == written("JPEG")


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """Return a profile in which red and blue have changed places, so that what it makes of colours is plain."""
    tags = SRGB.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    return tags.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_an_srgb_profile_is_left_out_without_touching_the_pixels() -> None:
    assert prepare(written("JPEG", icc_profile=SRGB)).content == written("JPEG")


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_of_another_profile_are_converted_to_srgb(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (9, 9), (250, 100, 10, 77)[: len(mode)]).save(file, "PNG", icc_profile=swapped_profile())
    sent = read(prepare(file.getvalue()).content)
    assert sent.mode == mode
    assert "icc_profile" not in sent.info
    assert sent.getpixel((4, 4)) == pytest.approx((10, 100, 250, 77)[: len(mode)], abs=2)


def test_a_profile_that_does_not_apply_is_left_out() -> None:
    sent = prepare(written("PNG", icc_profile=b"junk" * 40))
    assert read(sent.content).tobytes() == picture().tobytes()
    assert in_srgb(picture(), b"junk").tobytes() == picture().tobytes()


@pytest.mark.slow
def test_the_first_frame_of_several_is_sent_and_the_others_are_not_even_read() -> None:
    gif = animated(10_000)
    sent = prepare(gif)
    assert sent.media_type == "image/gif"
    assert len(sent.content) < 1000 < len(gif)
    assert read(sent.content).convert("RGB").getpixel((0, 0)) == (0, 0, 0)
    assert not getattr(read(sent.content), "is_animated", False)
    assert prepare(animated(5, "WEBP")).size == (8, 8)
    assert b"ANMF" not in prepare(animated(5, "WEBP")).content
    assert not getattr(read(prepare(animated(5, "PNG")).content), "is_animated", False)


def test_a_file_beyond_the_size_that_providers_take_is_written_anew() -> None:
    png = noise((1300, 1100))
    assert len(png) > MAX_SENT_BYTES
    sent = prepare(png)
    assert (sent.media_type, sent.size) == ("image/jpeg", (1300, 1100))
    assert len(sent.content) < MAX_SENT_BYTES
    bmp = prepare(noise((600, 500), "BMP"))
    assert bmp.media_type == "image/png"


def test_what_is_transparent_becomes_white_in_a_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "MAX_SENT_BYTES", 50)
    file = BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(file, "PNG")
    sent = prepare(file.getvalue())
    assert sent.media_type == "image/jpeg"
    assert read(sent.content).getpixel((4, 4)) == (255, 255, 255)


def test_a_transparent_palette_stays_transparent_when_it_is_scaled() -> None:
    file = BytesIO()
    picture("P").save(file, "PNG", transparency=bytes(256))
    found = read(prepare(file.getvalue(), max_side=30).content)
    assert found.mode == "RGBA"
    assert found.getchannel("A").getextrema() == (0, 0)


def sixteen(form: str, values: list[int]) -> bytes:
    file = BytesIO()
    Image.fromarray(np.array([values] * 2, np.uint16)).save(file, form)
    return file.getvalue()


def test_sixteen_bits_of_a_tiff_are_stretched_and_those_of_a_png_are_not() -> None:
    tiff = read(prepare(sixteen("TIFF", [100, 600, 1100])).content)
    assert [tiff.getpixel((x, 0)) for x in range(3)] == [0, 128, 255]
    png = read(prepare(sixteen("PNG", [0, 257 * 100, 65535]), max_side=2).content)
    assert png.mode == "L"
    assert max(png.tobytes()) > 150


def test_numbers_become_grey_between_their_limits_and_what_is_not_finite_black() -> None:
    values = np.array([[-1.0, 0.0, 50.0, 100.0, 200.0, np.nan]])
    assert list(grey(values, limits=(0, 100)).tobytes()) == [0, 0, 128, 255, 255, 0]
    assert list(grey(np.array([[7, 7]])).tobytes()) == [0, 0]
    assert list(grey(np.array([[np.nan, 1.0, 3.0]])).tobytes()) == [0, 0, 255]


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(0, 3000))
def test_a_fitting_size_is_within_the_limit_and_never_empty(width: int, height: int, most: int) -> None:
    fitted = fitting((width, height), most)
    assert min(fitted) >= 1
    assert max(fitted) <= (most or max(width, height))
    assert fitted == (width, height) or max(fitted) == most


# What is refused


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_truncated_image_is_refused(form: str) -> None:
    content = noise((60, 40), form)
    for end in (len(content) // 2, len(content) - 20):
        with pytest.raises(UnusableImageError, match=r"cut off|damaged"):
            prepare(content[:end])


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_file_hidden_behind_an_image_is_refused_and_other_bytes_there_are_left_out(form: str) -> None:
    content = written(form)
    for tail in (b"PK\x03\x04zip", b"<html>", b"\0\0%PDF-1.7", b"x" * 30 + b"PK\x05\x06" + bytes(18)):
        with pytest.raises(UnusableImageError, match="another file hides behind the image's end"):
            prepare(content + tail)
    assert prepare(content + bytes(7) + CANARY).content == content


@pytest.mark.parametrize(
    ("content", "instead"),
    [
        (b"", " but an empty file"),
        (b'<?xml version="1.0"?>\n<!-- x --><svg onload="alert(1)"/>', " but SVG"),
        (b"<svg/>", " but SVG"),
        (b"<!DOCTYPE html><script>", " but HTML"),
        (b"PK\x03\x04", " but a ZIP archive"),
        (b"%PDF-1.7", " but a PDF"),
        (b"\x1f\x8b\x08", " but gzip data"),
        (b"\0\0\0\x18ftypheic", " but HEIC or AVIF"),
        (b"no image at all", " but text"),
        (b"RIFF\x04\x00\x00\x00WAVE", ""),
        (b"BM" + bytes(60), ""),
        (bytes(200), ""),
    ],
)
def test_what_is_no_image_is_refused_and_named(content: bytes, instead: str) -> None:
    with pytest.raises(UnusableImageError) as error:
        prepare(content)
    assert error.value.problem == f"not an image of a known type{instead}"
    assert error.value.hint == "accepted: PNG, JPEG, WebP, GIF, TIFF, BMP, DICOM"


def test_too_many_pixels_are_refused_by_the_header() -> None:
    with pytest.raises(UnusableImageError, match="50001 x 1000 pixels are 50 megapixels"):
        prepare(png_stating(50_001, 1000))
    with pytest.raises(UnusableImageError, match="more than 50 megapixels"):
        prepare(png_stating(2**31 - 1, 2**31 - 1))
    with pytest.raises(UnusableImageError, match="damaged or cut off"):
        prepare(png_stating(100, 100))


def test_webp_and_wide_pixels_have_a_lower_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_COSTLY_PIXELS", 2399)
    for content in (written("WEBP"), sixteen("TIFF", [1] * 1200), dicom(np.zeros((40, 60), np.uint16))):
        with pytest.raises(UnusableImageError, match="megapixels"):
            prepare(content)
    assert prepare(written("PNG")).size == SIZE


def test_pillows_own_alarm_at_a_bomb_is_put_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnusableImageError, match="more than 50 megapixels"):
        prepare(written("TIFF"))


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    content = written("JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    with pytest.raises(UnusableImageError, match="more than 100 scans"):
        prepare(content[:start] + content[start:-2] * 101 + content[-2:])


def test_a_gif_without_a_picture_is_refused() -> None:
    with pytest.raises(UnusableImageError, match="a GIF without a picture"):
        prepare(b"GIF89a\x01\0\x01\0\0\0\0;")
    content = written("GIF")
    assert prepare(content[:-1]).content == content, "a missing last byte is put back"


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"]), st.data())
def test_no_damage_to_an_image_ends_in_anything_but_words(form: str, data: st.DataObject) -> None:
    content = bytearray(written(form, size=(16, 9)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        sent = prepare(bytes(content))
    except UnusableImageError as error:
        assert error.problem  # noqa: PT017 - either outcome is right
    else:
        assert prepare(sent.content).content == sent.content


def test_hidden_chunks_and_segments_anywhere_are_left_out() -> None:
    png = written("PNG")
    assert prepare(png[:-12] + chunk(b"prVt", CANARY) + png[-12:]).content == png
    jpeg = written("JPEG", progressive=True)
    at = jpeg.rindex(b"\xff\xda")
    comment = b"\xff\xfe\x00\x08" + CANARY
    assert prepare(jpeg[:at] + comment + jpeg[at:]).content == jpeg
    thumbnail = b"\xff\xe0\x00\x0dJFXX\0" + CANARY
    assert prepare(jpeg[:2] + thumbnail + jpeg[2:]).content == jpeg


def test_only_four_formats_are_stripped_of_metadata_without_being_drawn() -> None:
    assert strip_metadata(written("BMP"), Kind.BMP) is None


# DICOM

RAMP = np.arange(0, 4000, 1000, dtype=np.int16).reshape(2, 2)


def shades(content: bytes, **options: Any) -> list[int]:  # noqa: ANN401 - options of `prepare`
    sent = prepare(content, **options)
    assert sent.media_type == "image/png"
    assert b"CANARY" not in sent.content
    return list(read(sent.content).tobytes())


def test_dicom_is_drawn_by_its_window() -> None:
    # PS3.3 C.11.2.1.2: black up to c - 0.5 - (w - 1) / 2 = 1000, white from there + w - 1 = 3000.
    assert shades(dicom(RAMP, WindowCenter=2000.5, WindowWidth=2001)) == [0, 0, 128, 255]
    assert shades(dicom(RAMP, WindowCenter=[2000.5, 1], WindowWidth=[2001, 9])) == [0, 0, 128, 255]
    rescaled = dicom(RAMP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=3000.5, WindowWidth=4001)
    assert shades(rescaled) == [0, 0, 128, 255]


def test_dicom_without_a_window_is_stretched_and_monochrome1_inverted() -> None:
    assert shades(dicom(RAMP)) == [0, 85, 170, 255]
    assert shades(dicom(RAMP, PhotometricInterpretation="MONOCHROME1")) == [255, 170, 85, 0]
    sigmoid = dicom(RAMP, WindowCenter=1500, WindowWidth=100, VOILUTFunction="SIGMOID")
    assert shades(sigmoid) == [0, 0, 255, 255]


def test_the_first_frame_of_dicom_is_drawn_and_scaled() -> None:
    frames = np.stack([np.zeros((4, 6), np.uint8), np.full((4, 6), 9, np.uint8)])
    frames[0, 0, 0] = 255
    content = dicom(frames, NumberOfFrames=2)
    assert shades(content)[:2] == [255, 0]
    assert prepare(content, max_side=3).size == (3, 2)
    assert prepare(content, max_side=3).original_size == (6, 4)


def test_colours_of_dicom_are_kept() -> None:
    pixels = np.array([[255, 0, 0, 0, 0, 255]], np.uint8)
    rgb = dicom(pixels, Columns=2, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    assert shades(rgb) == [255, 0, 0, 0, 0, 255]
    tables = {
        f"{name}PaletteColorLookupTable{what}": value
        for name, table in {"Red": [0, 65535], "Green": [0, 257], "Blue": [65535, 0]}.items()
        for what, value in {"Descriptor": [2, 0, 16], "Data": np.array(table, "<u2").tobytes()}.items()
    }
    palette = dicom(np.array([[0, 1]], np.uint8), PhotometricInterpretation="PALETTE COLOR", **tables)
    assert shades(palette) == [0, 0, 255, 255, 1, 0]


def test_dicom_that_may_name_its_patient_in_the_picture_is_refused() -> None:
    captured = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}
    for tags in ({"BurnedInAnnotation": "YES"}, {"BurnedInAnnotation": ""}, captured, {"ConversionType": "WSD"}):
        with pytest.raises(UnusableImageError, match="text burned into its picture") as error:
            prepare(dicom(RAMP, **tags))
        assert "--accept-burned-in" in error.value.hint
        assert prepare(dicom(RAMP, **tags), burned_in=True).content == prepare(dicom(RAMP)).content


def test_dicom_that_cannot_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.uid import DeflatedExplicitVRLittleEndian  # noqa: PLC0415 - slow to import

    with pytest.raises(UnusableImageError, match="is deflated DICOM"):
        prepare(dicom(RAMP, syntax=DeflatedExplicitVRLittleEndian))
    with pytest.raises(UnusableImageError, match="cannot be drawn from DICOM"):
        prepare(dicom(RAMP)[:-4])
    with pytest.raises(UnusableImageError, match="cannot be drawn from DICOM"):
        prepare(bytes(128) + b"DICM")
    with pytest.raises(UnusableImageError, match="megapixels"):
        prepare(dicom(RAMP, Rows=60_000, Columns=60_000))
    content = dicom(RAMP)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UnusableImageError) as error:
        prepare(content)
    assert (error.value.problem, error.value.hint) == (
        "is DICOM, which needs pydicom",
        "pip install 'omr-judge[dicom]'",
    )
