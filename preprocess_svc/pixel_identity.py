"""What documents are read with on this side, as one digest: another one, and the same bytes may be read otherwise.

Not in it are the models, which say themselves which they are, and what nobody here can see: the file opener's code
where it runs elsewhere, its fonts, a model whose weights were replaced under its old version and configuration. For
these there is ``OCR_REMEMBER_GENERATION``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json

from ocr_core.code_digest import code_sha256
from ocr_core.contracts.document import OpenLimits
from ocr_core.settings import FileOpenerSettings, PdfSettings

PACKAGES = ("lambda_file_open", "ocr_core", "preprocess_svc")


def pixel_identity(
    *, limits: OpenLimits, second_look: bool, opener: FileOpenerSettings, pdf: PdfSettings, generation: str
) -> str:
    """Of code and libraries, and of the settings that show in what is read. Reads all of the code, once a process.

    Args:
        limits: They decide how large a page is rendered.
        second_look: Whether doubtful print is read twice.
        opener: Where files are opened.
        pdf: How page images are encoded.
        generation: The operator's own word.
    """
    told = {
        "code": code_sha256(*PACKAGES),
        "limits": dataclasses.asdict(limits),
        "second_look": second_look,
        "opener": [opener.launcher.value, opener.lambda_function],
        "jpeg_quality": pdf.jpeg_quality,
        "generation": generation,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("ascii")).hexdigest()
