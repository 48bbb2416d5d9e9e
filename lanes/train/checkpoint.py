"""What a training leaves: weights, and all that the model file will say of them. `engines.export` takes it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lanes.files import write_atomically
from lanes.models.base import LaneNetwork
from lanes.segment.transform import FrameTransform
from lanes.train.threshold import BySource, choose_threshold


def describe_training(name: str, transform: FrameTransform, training: BySource, threshold: BySource) -> dict[str, Any]:
    """The metadata of a network that was trained on labelled frames, as `ModelMetadata` has it, with a threshold that nothing chose yet.

    Args:
        name: of the model.
        transform: how it sees a frame.
        training: frames trained on, by source.
        threshold: frames that the threshold is chosen on.
    """
    return {
        "name": name,
        "transform": transform.to_dict(),
        "threshold": choose_threshold([]),
        "threshold_drives": sorted({f"{source}/{frame.drive}" for source, frames in threshold.items() for frame in frames}),
        "classes": ["lane"],
        "bands": True,
        "label_definition": "the paint that marks lanes, stroke by stroke; arrows, words and stop lines are not meant",
        "training_data": list(training),
        "licences": list(dict.fromkeys(frame.licence for frames in training.values() for frame in frames)),
    }


def save_checkpoint(path: Path, network: LaneNetwork, metadata: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    """Writes network, weights and metadata, and how it was trained. Raises OutputError where it cannot."""
    content = {"network": network.config, "state_dict": network.state_dict(), "metadata": dict(metadata), "recipe": dict(recipe)}
    written = io.BytesIO()
    torch.save(content, written)
    write_atomically(path, written.getvalue())
