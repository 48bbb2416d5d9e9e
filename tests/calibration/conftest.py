"""A small trained model, frames of several kinds, and the model in int8."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest
from rich.console import Console

from calibration.int8.calibrate import quantise
from calibration.int8.frame_sets import FrameSets, gather
from calibration.int8.report import CalibrationReport
from engines.model_file import ModelFile

QUIET = Console(quiet=True)


@pytest.fixture(scope="session")
def model(tiny_model: ModelFile) -> ModelFile:
    """The model in fp32."""
    return tiny_model


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled frames in the lanedata layout: a source of eight drives and one of two, half of the frames of either in the split val."""
    from tests.engines.made_models import draw_roads

    root = tmp_path_factory.mktemp("lanedata")
    rows = []
    for seed, (source, drives) in enumerate((("ceymo_lines", 8), ("udacity_ego", 2)), 10):
        for kind in ("images", "masks"):
            (root / source / kind).mkdir(parents=True)
        pictures, masks = draw_roads(80, seed)
        for index, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
            cv2.imwrite(str(root / source / "images" / f"{index:03d}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 98])
            cv2.imwrite(str(root / source / "masks" / f"{index:03d}.png"), mask)
            rows.append([source, "train" if index < 40 else "val", f"drive{index * drives // 80}", f"{index:03d}"])
    statements = {source: {"definition": "ALL_PAINT", "licence": "none"} for source in ("ceymo_lines", "udacity_ego")}
    (root / "sources.json").write_text(json.dumps(statements))
    with (root / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["source", "split", "sequence", "stem"], *rows])
    return root


@pytest.fixture(scope="session")
def sets(model: ModelFile, labels: Path) -> FrameSets:
    return gather(model.metadata.transform, None, labels, "train", 16, QUIET)


@pytest.fixture(scope="session")
def result(model: ModelFile, sets: FrameSets, tmp_path_factory: pytest.TempPathFactory) -> tuple[CalibrationReport, Path]:
    """The model in int8: what was found, and the file."""
    path = tmp_path_factory.mktemp("int8") / "tiny.int8.onnx"
    return quantise(model, sets, path, QUIET), path


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 frames without labels."""
    from tests.engines.made_models import draw_roads

    folder = tmp_path_factory.mktemp("frames")
    for index, picture in enumerate(draw_roads(40, seed=20)[0]):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture)
    return folder
