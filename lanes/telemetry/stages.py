"""The stages of the pipeline by name, in order: the keys of reports, records and metrics, and what each holds."""

from __future__ import annotations

from typing import Literal, get_args

Stage = Literal["capture", "preprocess", "inference", "postprocess", "lanes", "overlay", "output"]

STAGES: tuple[Stage, ...] = get_args(Stage)

CONTENT: dict[Stage, str] = {
    "capture": "wait, read, decode to BGR",
    "preprocess": "scale to the model's input",
    "inference": "the network",
    "postprocess": "mask to frame size, threshold",
    "lanes": "lane curves from the mask",
    "overlay": "draw",
    "output": "encode, write",
}
"""What a stage's time holds, in a few words: from the start of the work to its result in memory, for one frame."""
