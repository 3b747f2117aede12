"""Red seals, square for a company (角印) and round for a person (認印); pictures, so that no text layer has them."""

from __future__ import annotations

import base64
import io
import subprocess
from functools import cache

from PIL import Image, ImageDraw, ImageFont

SIDE_PX = 240
BORDER_PX = 10
RED = (200, 30, 30, 190)
MOST_SQUARE = 16
FEW = 4


def stamp_image(name: str, *, family: str) -> str:
    """A seal that reads ``name`` in columns from the right, as a PNG in a data URI.

    Args:
        name: Whose seal; four letters or fewer make it round.
        family: The font's family, as fontconfig calls it.
    """
    letters = [sign for sign in name if not sign.isspace()]
    if len(letters) > FEW:
        letters = [*letters, *("之印" if len(letters) % 3 == 1 else "印")][:MOST_SQUARE]
    image = Image.new("RGBA", (SIDE_PX, SIDE_PX), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    box = (BORDER_PX, BORDER_PX, SIDE_PX - BORDER_PX, SIDE_PX - BORDER_PX)
    if len(letters) <= FEW:
        draw.ellipse(box, outline=RED, width=BORDER_PX)
        columns, room = 1 if len(letters) <= 3 else 2, 0.62
    else:
        draw.rectangle(box, outline=RED, width=BORDER_PX)
        columns, room = 2 if len(letters) <= 6 else 3 if len(letters) <= 12 else 4, 0.84
    rows = -(-len(letters) // columns)
    pitch_x, pitch_y = SIDE_PX * room / columns, SIDE_PX * room / rows
    font = ImageFont.truetype(_font_file(family), round(min(pitch_x, pitch_y) * 0.95))
    middle = SIDE_PX / 2
    for place, letter in enumerate(letters):
        column, row = divmod(place, rows)
        x = middle + ((columns - 1) / 2 - column) * pitch_x
        y = middle + (row - (rows - 1) / 2) * pitch_y
        draw.text((x, y), letter, font=font, fill=RED, anchor="mm")
    data = io.BytesIO()
    image.save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")


@cache
def _font_file(family: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["fc-match", "--format=%{file}", family],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
