"""Triton's Python backend for ``text_detection`` on a CPU. Triton is ready when ``initialize`` has returned."""

import triton_python_backend_utils as pb_utils

from model_tools.engine_settings import model_process
from model_tools.openvino_models import TextDetector, UnknownShape
from ocr_core.contracts.tensors import TEXT_DETECTION

IMAGE = TEXT_DETECTION.inputs[0].name
PROBABILITY = TEXT_DETECTION.outputs[0].name


class TritonPythonModel:
    """One process of the model."""

    def initialize(self, args):
        """Compile and warm every shape class; Triton reports the model ready only after this."""
        process = model_process(args)
        self.detector = TextDetector(process.version_dir, process.settings)
        self.detector.load()
        pb_utils.Logger.log_info(
            f"{args['model_instance_name']}: warm, {process.settings.threads} threads, {process.settings.precision}"
        )

    def execute(self, requests):
        """Answer every request of a batch on its own, so that a bad one does not disturb its neighbours."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        if request.is_cancelled():
            error = pb_utils.TritonError("the request was cancelled", pb_utils.TritonError.CANCELLED)
            return pb_utils.InferenceResponse(error=error)
        try:
            images = pb_utils.get_input_tensor_by_name(request, IMAGE).as_numpy()
            probability = self.detector.detect(images)
        except UnknownShape as unknown:
            error = pb_utils.TritonError(str(unknown), pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse(error=error)
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor(PROBABILITY, probability)])
