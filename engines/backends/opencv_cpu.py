"""Programs in NumPy and OpenCV behind the same contract as networks, so that the pipeline and all that measures cannot tell them apart."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np

from engines.engine import Arrays, Engine
from engines.model_file import ModelFile, ModelMetadata
from engines.programs import PROGRAMS
from engines.tensors import image_to_map
from lanes.models import LADDER_SIZE
from lanes.segment.transform import FrameTransform


class OpenCvEngine(Engine):
    """Calls the program's function for each image. It calculates in bytes and fp32, in OpenCV's own threads."""

    name = "opencv"
    version = cv2.__version__

    def _start(self, threads: int | None) -> None:  # noqa: ARG002 - OpenCV's belong to the process
        module, function = PROGRAMS[self.model.metadata.name].split(":")
        self._find = getattr(import_module(module), function)

    @classmethod
    def precisions(cls) -> tuple[str, ...]:
        return ("fp32",)

    def _run(self, inputs: Arrays) -> Arrays:
        return {self._probability: np.stack([self._find(image) for image in inputs[self._images]])}

    def _release(self) -> None:
        del self._find


def load_program(name: str) -> ModelFile:
    """A program of `PROGRAMS` described as a model: it has a source file and metadata, but no graph to `read`."""
    source = Path(str(import_module(PROGRAMS[name].partition(":")[0]).__file__))
    metadata = ModelMetadata(
        name=name,
        transform=FrameTransform(*LADDER_SIZE),
        threshold=0.4,
        classes=["lane"],
        precision="fp32",
        label_definition="what is lighter than the road on both sides of it and lies on straight lines",
        training_data=[],
        licences=[],
        network={},
        bands=True,
    )
    return ModelFile(source, hashlib.sha256(source.read_bytes()).hexdigest(), metadata, None, *image_to_map(LADDER_SIZE[1], LADDER_SIZE[0]))
