"""Builds the model repository from the weights that the wheel ``rapidocr`` carries.

``.venv-triton/bin/python -m model_tools.prepare`` writes, beside the committed configurations,

- ``<model>/1/model.onnx``: the prepared model, top-1 in the graph; TensorRT engines are built from it,
- ``<model>/1/model.xml`` and ``.bin``: the same for OpenVINO; the recogniser's head is apart there (``head.xml``),
- ``<model>/1/model.int8.xml`` (``head.int8.xml``): its heavy parts in INT8, if they pass the gate (``int8``),
- ``text_recognition/charset.txt``: one character a line; class 0 is the blank, line ``i`` is class ``i``.

A second run compares digests and does nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_tools.choice import CHOICE_FILE, INT8_CONFIG, write_config
from ocr_core.contracts.tensors import TEXT_DETECTION, TEXT_RECOGNITION

if TYPE_CHECKING:
    from model_tools.int8 import Verdict

_log = logging.getLogger(__name__)

DEFAULT_REPOSITORY = Path(__file__).resolve().parent.parent / "model_repository"
VERSION = "1"
"""The version directory that the weights of the pinned wheel go to."""

_DETECTOR_FILE = "PP-OCRv6_det_small.onnx"
_RECOGNISER_FILE = "PP-OCRv6_rec_small.onnx"
_MANIFEST = ".prepared.json"
_CHARSET_PARAMETER = re.compile(r'key:\s*"charset_sha256"\s*value:?\s*\{\s*string_value:\s*"([0-9a-f]*)"')


class PreparationFailed(Exception):
    """The repository cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The original models."""

    detector: Path
    recogniser: Path

    @classmethod
    def of_installed_wheel(cls) -> Sources:
        """Find the weights in the installed package, without importing it (its dependencies are not here).

        Raises:
            PreparationFailed: the package or its weights are missing.
        """
        spec = importlib.util.find_spec("rapidocr")
        if spec is None or not spec.submodule_search_locations:
            raise PreparationFailed("the package 'rapidocr' is not installed here (see requirements/weights.in)")
        return cls.in_folder(Path(spec.submodule_search_locations[0]) / "models")

    @classmethod
    def in_folder(cls, folder: Path) -> Sources:
        """The two files by their names in the wheel.

        Raises:
            PreparationFailed: one is missing.
        """
        for name in (_DETECTOR_FILE, _RECOGNISER_FILE):
            if not (folder / name).is_file():
                raise PreparationFailed(f"{folder} has no {name}: another version of 'rapidocr' than the pinned one?")
        return cls(detector=folder / _DETECTOR_FILE, recogniser=folder / _RECOGNISER_FILE)


def prepare(sources: Sources, repository: Path, *, int8: bool = True) -> bool:
    """Write what is missing or out of date; true if anything was written.

    Args:
        sources: The original models.
        repository: Where the configurations lie.
        int8: Whether the INT8 forms are made as well.

    Raises:
        PreparationFailed: the charset is not the one that the configurations name.
    """
    manifest_path = repository / _MANIFEST
    inputs = _inputs_digest(sources, repository) + ("" if int8 else " without int8")
    if _is_current(manifest_path, inputs, repository):
        return False
    manifest_path.unlink(missing_ok=True)
    written = _write_models(sources, repository)
    check_charset(repository)
    # What was measured with other models says nothing of these.
    (repository / CHOICE_FILE).unlink(missing_ok=True)
    verdicts = _make_int8(repository) if int8 else []
    for verdict in verdicts:
        _log.info("models: %s", verdict)
        precision = "int8" if verdict.passed else "f16"
        written.append(write_config(repository / verdict.model, INT8_CONFIG, precision=precision))
    written += [path for model in (TEXT_DETECTION, TEXT_RECOGNITION) for path in _int8_files(repository, model.name)]
    sizes = {str(path.relative_to(repository)): path.stat().st_size for path in written}
    manifest = {"inputs_sha256": inputs, "sizes": sizes, "int8": [str(verdict) for verdict in verdicts]}
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")
    return True


def _make_int8(repository: Path) -> list[Verdict]:
    from model_tools.int8 import make_int8  # noqa: PLC0415 - heavy, as in _write_models

    return make_int8(repository, VERSION)


def _int8_files(repository: Path, model: str) -> list[Path]:
    return sorted((repository / model / VERSION).glob("*.int8.*"))


def check_charset(repository: Path) -> str:
    """Compare the charset with every configuration of the recogniser; its digest.

    Raises:
        PreparationFailed: a configuration names another digest; the message shows the new one.
    """
    folder = repository / TEXT_RECOGNITION.name
    digest = hashlib.sha256((folder / "charset.txt").read_bytes()).hexdigest()
    for config in sorted((folder / "configs").glob("*.pbtxt")):
        match = _CHARSET_PARAMETER.search(config.read_text())
        if match is None or match[1] != digest:
            raise PreparationFailed(
                f"{config}: charset_sha256 is {match[1] if match else 'missing'}, but the charset's digest is {digest}."
                " If new weights are meant, write the new digest there; readings made with the old one stay apart."
            )
    return digest


def _write_models(sources: Sources, repository: Path) -> list[Path]:
    # Heavy imports, and the second run needs none of them.
    import onnx  # noqa: PLC0415
    import openvino as ov  # noqa: PLC0415

    from model_tools import graphs  # noqa: PLC0415

    detector, recogniser = onnx.load(sources.detector), onnx.load(sources.recogniser)
    detector_dir = repository / TEXT_DETECTION.name / VERSION
    recogniser_dir = repository / TEXT_RECOGNITION.name / VERSION
    prepared_detector = graphs.prepare_detector(detector)
    body, head = graphs.split_recogniser(recogniser)
    written = []
    for folder, for_tensorrt, for_openvino in (
        (detector_dir, prepared_detector, {"model": prepared_detector}),
        (recogniser_dir, graphs.prepare_recogniser(recogniser), {"model": body, "head": head}),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        # Written beside and moved into place: a Triton that runs meanwhile has the old files mapped into its memory.
        with tempfile.TemporaryDirectory(dir=folder) as fresh_name:
            fresh = Path(fresh_name)
            onnx.save(for_tensorrt, fresh / "model.onnx")
            for name, model in for_openvino.items():
                # Not compressed to float16: OpenVINO chooses the precision when it compiles, f32 included.
                ov.save_model(
                    ov.Core().read_model(model.SerializeToString()), fresh / f"{name}.xml", compress_to_fp16=False
                )
            written += [path.replace(folder / path.name) for path in sorted(fresh.iterdir())]
    charset_path = repository / TEXT_RECOGNITION.name / "charset.txt"
    charset_path.write_bytes("".join(f"{character}\n" for character in graphs.charset(recogniser)).encode())
    return [*written, charset_path]


def _inputs_digest(sources: Sources, repository: Path) -> str:
    digest = hashlib.sha256()
    tools = Path(__file__).resolve().parent
    contracts = tools.parent / "ocr_core" / "contracts" / "tensors.py"
    code = (tools / f"{name}.py" for name in ("prepare", "graphs", "int8", "quantisation", "samples", "gate"))
    bundled = sorted(path for path in (tools / "bundled").rglob("*") if path.is_file())
    configs = sorted(repository.glob("*/configs/cpu.pbtxt"))
    for path in (sources.detector, sources.recogniser, *code, contracts, *bundled, *configs):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for package in ("onnx", "openvino"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def _is_current(manifest_path: Path, inputs: str, repository: Path) -> bool:
    try:
        manifest = json.loads(manifest_path.read_text())
        if manifest["inputs_sha256"] != inputs:
            return False
        sizes: dict[str, int] = manifest["sizes"]
        if any((repository / name).stat().st_size != size for name, size in sizes.items()):
            return False
    except (OSError, ValueError, KeyError):
        return False
    check_charset(repository)
    return True


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 when the repository is ready."""
    parser = argparse.ArgumentParser(prog="python -m model_tools.prepare", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY, help="default: %(default)s")
    parser.add_argument("--without-int8", action="store_true", help="do not make the INT8 forms (a minute)")
    parser.add_argument("--weights", type=Path, help="folder of the original ONNX files; default: the installed wheel")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        sources = Sources.in_folder(options.weights) if options.weights else Sources.of_installed_wheel()
        changed = prepare(sources, options.repository, int8=not options.without_int8)
    except PreparationFailed as error:
        _log.error("models: %s", error)
        return 1
    _log.info("models: %s", "prepared" if changed else "up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
