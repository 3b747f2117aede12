"""Triton's Python backend for ``text_recognition`` on a CPU."""

from model_tools.openvino_models import TextRecogniser
from model_tools.triton_model import ImageModel
from ocr_core.contracts.tensors import TEXT_RECOGNITION


class TritonPythonModel(ImageModel):
    """One process of the recogniser."""

    spec = TEXT_RECOGNITION

    def load(self, version_dir, settings):
        """Compile and warm every width class."""
        recogniser = TextRecogniser(version_dir, settings)
        recogniser.load()
        return recogniser.recognise
