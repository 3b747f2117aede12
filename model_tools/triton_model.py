"""A model inside Triton's Python backend. Importable there only: the backend brings its own module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import triton_python_backend_utils as pb_utils

from model_tools.engine_settings import model_process
from model_tools.openvino_models import EngineSettings, UnknownShape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ocr_core.contracts.tensors import ModelSpec

Run = Callable[["NDArray[np.uint8]"], "Sequence[NDArray[np.generic]]"]
"""A batch of images in, the model's outputs out, in the order of its ``ModelSpec``."""


class ImageModel(ABC):
    """One process of a model that takes one batch of images; the ``model.py`` of each derives from it."""

    spec: ClassVar[ModelSpec]

    @abstractmethod
    def load(self, version_dir: Path, settings: EngineSettings) -> Run:
        """Compile and warm every shape class."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the model; Triton reports it ready only after this."""
        process = model_process(args)
        self._run = self.load(process.version_dir, process.settings)
        if process.note is not None:
            pb_utils.Logger.log_warn(f"{args['model_instance_name']}: {process.note}")
        pb_utils.Logger.log_info(
            f"{args['model_instance_name']}: warm, {process.settings.threads} threads, {process.settings.precision}"
        )

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer every request of a batch on its own, so that a bad one does not disturb its neighbours."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        if request.is_cancelled():
            return _failed("the request was cancelled", pb_utils.TritonError.CANCELLED)
        try:
            outputs = self._run(pb_utils.get_input_tensor_by_name(request, self.spec.inputs[0].name).as_numpy())
        except UnknownShape as unknown:
            return _failed(str(unknown), pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse(
            output_tensors=[
                pb_utils.Tensor(tensor.name, output) for tensor, output in zip(self.spec.outputs, outputs, strict=True)
            ]
        )


def _failed(message: str, code: Any) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code))
