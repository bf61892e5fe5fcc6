"""Image files as people have them: every format and mode, turned, animated, with profiles, and broken in many ways."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZE = (24, 16)
ORIENTATION, GPS = 0x0112, 0x8825
PLACE = "52 deg 31 min, at home"


def coloured(size=SIZE) -> Image.Image:
    """A picture with gradients and edges, other in each corner."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    pixels = np.stack([255 * x, 255 * y, 255 * ((3 * x + 2 * y) % 1 > 0.5)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def in_mode(mode: str) -> Image.Image:
    """The picture in any mode; where there is transparency, it grows from left to right."""
    picture = coloured()
    if mode.startswith("I;16"):
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.int32) * 1000)
    if mode == "LAB":
        return Image.new("LAB", SIZE, (120, 30, 30))
    if mode in {"LA", "RGBA", "PA"}:
        alpha = Image.fromarray(np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1)))
        picture = picture.convert({"LA": "L", "RGBA": "RGB", "PA": "P"}[mode])
        if mode == "PA":
            picture = picture.convert("PA")
        picture.putalpha(alpha)
        return picture
    return picture.convert(mode)


def encoded(picture: Image.Image, format: str, **options) -> bytes:  # noqa: A002
    stream = io.BytesIO()
    picture.save(stream, format=format, **options)
    return stream.getvalue()


def exif(orientation: int, *, with_place: bool = False) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    if with_place:
        tags[GPS] = {1: "N", 2: (52.0, 31.0, 0.0), 27: PLACE}
    return tags


def profile(
    space: str, gamma: float, columns=((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142))
):
    """A minimal ICC profile: one gamma, and the XYZ values of red, green and blue (those of sRGB, adapted to D50).

    Source: ICC.1:2001-04, sections 6.1, 6.3.4.2 and 6.3.4.1.
    """

    def xyz(values):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": xyz((0.9642, 1.0, 0.8249)), b"desc": b"desc" + bytes(8) + b"\0\0\0\x02t\0" + bytes(78)}
    if space == "GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {name + b"XYZ": xyz(column) for name, column in zip((b"r", b"g", b"b"), columns, strict=True)}
        tags |= {name + b"TRC": curve for name in (b"r", b"g", b"b")}
    table, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(
        ">I4sI4s4s4s", 132 + len(table) - 4 + len(body), b"lcms", 0x02100000, b"mntr", space.ljust(4).encode(), b"XYZ "
    )
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    return header[:128] + table + body


SWAPPED = ((0.3851, 0.7169, 0.0971), (0.4361, 0.2225, 0.0139), (0.1431, 0.0606, 0.7142))
WIDE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))


def png(width: int, height: int, content: bytes, depth: int = 8, colour_type: int = 0) -> bytes:
    """A PNG that Pillow does not write, or whose rows are not what its header says."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def deep_png(channels: int) -> bytes:
    """16 bits per channel: grey with transparency, RGB or RGBA."""
    values = np.random.default_rng(1).integers(0, 65536, (16, 24 * channels)).astype(">u2")
    return png(24, 16, b"".join(b"\0" + row.tobytes() for row in values), 16, {2: 4, 3: 2, 4: 6}[channels])


def png_that_claims(width: int, height: int) -> bytes:
    return png(width, height, b"\0")


def bmp_that_claims(width: int, height: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def _frames(format: str) -> bytes:  # noqa: A002
    frames = [coloured(), coloured().transpose(Image.Transpose.ROTATE_180)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100)


def right() -> dict[str, bytes]:
    """Files that must be read: name -> content."""
    files = {}
    modes = {
        "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "jpg": ("L", "RGB", "CMYK"),
        "bmp": ("1", "L", "P", "RGB"),
        "gif": ("1", "L", "P", "RGB", "RGBA"),
        "webp": ("L", "RGB", "RGBA"),
        "tif": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"),
        "ppm": ("1", "L", "RGB", "I"),
        "avif": ("L", "RGB", "RGBA"),
    }
    formats = {"jpg": "JPEG", "tif": "TIFF"}
    for suffix, kinds in modes.items():
        for mode in kinds:
            name = f"{mode.replace(';', '_')}.{suffix}"
            files[name] = encoded(in_mode(mode), formats.get(suffix, suffix.upper()))
    for orientation in range(1, 9):
        files[f"turned_{orientation}.jpg"] = encoded(coloured(), "JPEG", exif=exif(orientation), quality=95)
    jpeg, wide = encoded(coloured(), "JPEG"), profile("RGB", 2.2, WIDE)
    return files | {
        "turned_6.png": encoded(coloured(), "PNG", exif=exif(6)),
        "turned_3.webp": encoded(coloured(), "WEBP", exif=exif(3)),
        "place.jpg": encoded(coloured(), "JPEG", exif=exif(1, with_place=True)),
        "progressive.jpg": encoded(coloured(), "JPEG", progressive=True),
        "animated.gif": _frames("GIF"),
        "animated.webp": _frames("WEBP"),
        "animated.png": _frames("PNG"),
        "pages.tif": _frames("TIFF"),
        "lzw.tif": encoded(coloured(), "TIFF", compression="tiff_lzw"),
        "png_inside.jpg": encoded(coloured(), "PNG"),
        "jpeg_inside.png": jpeg,
        "transparent_colour.png": encoded(in_mode("RGB"), "PNG", transparency=(0, 0, 0)),
        "transparent_index.png": encoded(in_mode("P"), "PNG", transparency=0),
        "several_frames.jpg": _frames("MPO"),
        "16_bits_LA.png": deep_png(2),
        "16_bits_RGB.png": deep_png(3),
        "16_bits_RGBA.png": deep_png(4),
        "one_pixel.png": encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
        "one_pixel.jpg": encoded(Image.new("L", (1, 1), 9), "JPEG"),
        "one_row.png": encoded(coloured((3000, 1)), "PNG"),
        "one_column.png": encoded(coloured((1, 3000)), "PNG"),
        "16_bits.pgm": b"P5 24 16 65535\n" + np.arange(24 * 16, dtype=">u2").tobytes(),
        "wide_profile.jpg": encoded(coloured(), "JPEG", icc_profile=wide, quality=95),
        "wide_profile.png": encoded(in_mode("RGBA"), "PNG", icc_profile=wide),
        "grey_profile.png": encoded(in_mode("L"), "PNG", icc_profile=profile("GRAY", 1.8)),
        "damaged_profile.png": encoded(coloured(), "PNG", icc_profile=wide[:150]),
        "profile_of_another_mode.png": encoded(coloured(), "PNG", icc_profile=profile("GRAY", 1.0)),
        "trailing_bytes.jpg": jpeg + bytes(1000),
    }


def wrong() -> dict[str, tuple[bytes, str]]:
    """Files that must be refused: name -> content and what the error says of it."""
    whole, jpeg = encoded(coloured((64, 64)), "PNG"), encoded(coloured((64, 64)), "JPEG", quality=95)
    unknown, large, undecodable = (
        "no known image format|no image that can be read",
        "too many pixels",
        "cannot be decoded",
    )
    return {
        "empty.png": (b"", unknown),
        "zeros.jpg": (bytes(5000), unknown),
        "text.png": (b"not a picture\n", unknown),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", unknown),
        "postscript.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", unknown),
        "document.jpg": (b"%PDF-1.7\n", unknown),
        "archive.jpg": (b"PK\x03\x04" + bytes(100), unknown),
        "icon.png": (encoded(coloured(), "ICO"), unknown),
        "jpeg_2000.jpg": (encoded(coloured(), "JPEG2000"), unknown),
        "magic_only.jpg": (b"\xff\xd8\xff\xe0", unknown),
        "header_only.png": (whole[:33], f"{unknown}|{undecodable}"),
        "half.png": (whole[: len(whole) // 2], undecodable),
        "half.jpg": (jpeg[: len(jpeg) // 2], undecodable),
        "half.gif": (_frames("GIF")[:400], f"{undecodable}|{unknown}"),
        "half.webp": (encoded(coloured((64, 64)), "WEBP")[:60], f"{undecodable}|{unknown}"),
        "half.tif": (encoded(coloured((64, 64)), "TIFF", compression="tiff_lzw")[:300], f"{undecodable}|{unknown}"),
        "half.avif": (encoded(coloured((64, 64)), "AVIF")[:200], f"{undecodable}|{unknown}"),
        "half.ppm": (encoded(coloured((64, 64)), "PPM")[:200], undecodable),
        "flipped.png": (whole[:60] + bytes([whole[60] ^ 255]) + whole[61:], undecodable),
        "claims_nothing.png": (png_that_claims(8, 8), undecodable),
        "claims_60000.png": (png_that_claims(60_000, 60_000), large),
        "claims_60000.bmp": (bmp_that_claims(60_000, 60_000), large),
        "claims_12000.png": (png_that_claims(12_000, 12_000), large),
        "float.tif": (encoded(Image.new("F", SIZE, 0.5), "TIFF"), "mode F"),
        "32_bits.tif": (encoded(in_mode("I"), "TIFF"), "mode I"),
        "lab.tif": (encoded(in_mode("LAB"), "TIFF"), "mode LAB"),
    }
