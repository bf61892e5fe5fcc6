"""What the pictures that preprocess draws have in common: colours, fonts, tiles, names."""

from PIL import Image, ImageFont

from glyphline.values import Images

GAP = 8
MARGIN = 32
NAME_MAX = 240

PAPER, INK, FAINT, LINE, EMPTY = "#ffffff", "#1f2933", "#7b8794", "#d9dee4", "#f3f5f7"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def fonts() -> tuple[Font, Font, Font]:
    """For headings, for names, for facts."""
    large, normal, small = (ImageFont.load_default(size) for size in (22, 16, 13))
    return large, normal, small


def tile(image: Images, side: int) -> Image.Image:
    """An image in the middle of a square; small ones are enlarged by a whole number, so pixels stay square.

    Args:
        image: uint8 (h, w, 1) or (h, w, 3).
        side: of the square in pixels.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    longest = max(picture.size)
    if longest <= side:
        factor = side // longest
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    else:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    # The background of a drawing is extended to the edge of the tile; a photograph has none.
    square = Image.new("RGB", (side, side), picture.getpixel((0, 0)) if image.shape[2] == 1 else EMPTY)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def shortened(name: str, font: Font) -> str:
    """A name that is no longer than the sheet has room for."""
    shown = " ".join(name.split())[:NAME_MAX]
    if font.getlength(shown) <= NAME_MAX:
        return shown
    # Three full stops: the font that Pillow carries has no ellipsis.
    while (width := font.getlength(f"{shown}...")) > NAME_MAX:
        shown = shown[: min(len(shown) - 1, int(len(shown) * NAME_MAX / width))]
    return f"{shown}..."
