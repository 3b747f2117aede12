"""Triton's Python backend for ``text_detection`` on a CPU."""

from model_tools.openvino_models import TextDetector
from model_tools.triton_model import ImageModel
from ocr_core.contracts.tensors import TEXT_DETECTION


class TritonPythonModel(ImageModel):
    """One process of the detector."""

    spec = TEXT_DETECTION

    def load(self, version_dir, settings):
        """Compile and warm every shape class."""
        detector = TextDetector(version_dir, settings)
        detector.load()
        return lambda images: (detector.detect(images),)
