"""What the generator's tests share: they need a browser and many fonts, and say so where those are missing."""

from __future__ import annotations

import pytest

from evaluation.generator.fonts import GeneratorNotReady, require_all


@pytest.fixture(scope="session")
def generator_fonts() -> None:
    """Skips where the browser or a font is missing, with the command that installs them."""
    try:
        require_all()
    except GeneratorNotReady as not_ready:
        pytest.skip(str(not_ready))
