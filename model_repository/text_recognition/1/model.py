"""Triton's Python backend for ``text_recognition`` on a CPU. Triton is ready when ``initialize`` has returned."""

import triton_python_backend_utils as pb_utils

from model_tools.engine_settings import model_process
from model_tools.openvino_models import TextRecogniser, UnknownShape
from ocr_core.contracts.tensors import TEXT_RECOGNITION

CROPS = TEXT_RECOGNITION.inputs[0].name
CLASS_IDS, CONFIDENCES = (output.name for output in TEXT_RECOGNITION.outputs)


class TritonPythonModel:
    """One process of the model."""

    def initialize(self, args):
        """Compile and warm every width class; Triton reports the model ready only after this."""
        process = model_process(args)
        self.recogniser = TextRecogniser(process.version_dir, process.settings)
        self.recogniser.load()
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
            crops = pb_utils.get_input_tensor_by_name(request, CROPS).as_numpy()
            class_ids, confidences = self.recogniser.recognise(crops)
        except UnknownShape as unknown:
            error = pb_utils.TritonError(str(unknown), pb_utils.TritonError.INVALID_ARG)
            return pb_utils.InferenceResponse(error=error)
        return pb_utils.InferenceResponse(
            output_tensors=[pb_utils.Tensor(CLASS_IDS, class_ids), pb_utils.Tensor(CONFIDENCES, confidences)]
        )
