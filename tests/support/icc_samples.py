"""ICC profiles made on the spot, and what their colours are in sRGB by the books."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

D50 = (0.9642, 1.0, 0.8249)
# Columns: red, green and blue in XYZ, adapted to D50 (from the profiles that Apple and Adobe publish).
SRGB_TO_XYZ = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7139]])
DISPLAY_P3_TO_XYZ = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
ADOBE_RGB_TO_XYZ = np.array([[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]])


def rgb_profile(to_xyz: NDArray[np.float64], *, gamma: float | None = None) -> bytes:
    """littleCMS's own sRGB profile with other primaries, another name and, if wanted, a plain power for its curve."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in {b"rXYZ", b"gXYZ", b"bXYZ"}:
            column = to_xyz[:, b"rgb".index(name[:1])]
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in column))
        if name in {b"rTRC", b"gTRC", b"bTRC"} and gamma is not None:
            profile[offset : offset + 14] = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
        if name == b"desc":
            text = profile.find("sRGB".encode("utf-16-be"), offset)
            profile[text : text + 8] = "else".encode("utf-16-be")
    return bytes(profile)


def grey_profile(gamma: float) -> bytes:
    """Grey by a plain power."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def cmyk_profile(inks: Mapping[tuple[int, int, int, int], Sequence[int]]) -> bytes:
    """A printer whose colours are known where each ink is printed in full or not at all.

    Args:
        inks: L*, a*, b* for combinations of cyan, magenta, yellow and black, each 0 or 1; black where none is given.
    """
    straight = bytes(range(256))
    table = b""
    for index in range(16):
        lightness, a, b = inks.get((index >> 3 & 1, index >> 2 & 1, index >> 1 & 1, index & 1), (0, 0, 0))
        table += bytes([round(lightness * 2.55), a + 128, b + 128])
    identity = struct.pack(">9i", *(65536 * (index % 4 == 0) for index in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + straight * 4 + table + straight * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def _profile(device: bytes, space: bytes, connection: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """ICC.1:2001-04, version 2: header, table of tags, tags."""
    text = b"made for a test\0"
    described = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in D50)),
        **tags,
    }
    at = 128 + 4 + 12 * len(described)
    table, body = struct.pack(">I", len(described)), b""
    for name, data in described.items():
        padded = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(body), len(data))
        body += padded
    header = struct.pack(">I4sI", at + len(body), b"lcms", 0x0240_0000) + device + space + connection
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += struct.pack(">3i", *(round(value * 65536) for value in D50))
    return header.ljust(128, b"\0") + table + body


def srgb_of_xyz(xyz: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """XYZ for D50 to sRGB, 0 to 255, clipped (IEC 61966-2-1)."""
    linear = np.clip(np.linalg.solve(SRGB_TO_XYZ, np.asarray(xyz)), 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255


def srgb_of_lab(lightness: float, a: float, b: float) -> NDArray[np.float64]:
    """CIE L*a*b* for D50 to sRGB, 0 to 255, clipped."""
    fy = (lightness + 16) / 116
    each = np.array([fy + a / 500, fy, fy - b / 200])
    return srgb_of_xyz(np.where(each > 6 / 29, each**3, (each - 16 / 116) * 3 * (6 / 29) ** 2) * D50)


def linear_of_srgb(numbers: Sequence[int]) -> NDArray[np.float64]:
    """sRGB's own curve undone: 0 to 255 to light, 0 to 1."""
    value = np.asarray(numbers) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
