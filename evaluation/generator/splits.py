"""The generator's splits: what is fitted on one is never scored on documents that look or read like its own."""

from __future__ import annotations

from enum import StrEnum


class Split(StrEnum):
    """Which part of the generator's world a document comes from; the parts share nothing that a model could learn."""

    TRAIN = "train"
    """To fit weights to."""
    DEVELOP = "develop"
    """To look at failures in."""
    TEST = "test"
    """To measure with, and not to look at."""
    WORLD = "world"
    """To look at as well: what other people's accounts, issuers and telephone numbers look like."""
