"""What happens to a page between the printer and the server, by named levels; numpy and OpenCV only.

Each level keeps a page readable for a human, and says where a pixel of the undamaged page has gone, so that the
evidence moves along. The same page and the same chance give the same image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from evaluation.generator.damage.fax import fax
from evaluation.generator.damage.heavy import heavy
from evaluation.generator.damage.page import DamagedPage, Pixels
from evaluation.generator.damage.photo import photo
from evaluation.generator.damage.scan import scan

CLEAN = "clean"


def clean(page: Pixels, draw: np.random.Generator) -> DamagedPage:
    """The page as rendered."""
    del draw
    return DamagedPage(pixels=page, homography=np.eye(3), suffix=".png")


LEVELS: Mapping[str, Callable[[Pixels, np.random.Generator], DamagedPage]] = {
    CLEAN: clean,
    "scan": scan,
    "fax": fax,
    "photo": photo,
    "heavy": heavy,
}
