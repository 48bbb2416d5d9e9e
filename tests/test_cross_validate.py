"""Cross-validation: each source is scored by a network that never saw it, drive by drive."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from lanes.cross_validate import main  # noqa: E402
from lanes.models import Network  # noqa: E402
from lanes.renderer import RoadRenderer, Scene  # noqa: E402

WIDTH, HEIGHT = 128, 64


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sources of rendered roads, each of a drive to train on and one that is held back."""
    for source, name in enumerate(("north", "south")):
        for index, split in enumerate(("train", "val")):
            for part in ("images", "masks"):
                (tmp_path / "data" / name / split / part).mkdir(parents=True)
            renderer = RoadRenderer(Scene.random(np.random.default_rng(10 * source + index)), WIDTH, HEIGHT)
            for frame in range(2):
                rendering = renderer.render(float(frame))
                cv2.imwrite(str(tmp_path / f"data/{name}/{split}/images/{split}ing_{frame}.png"), rendering.pixels)
                cv2.imwrite(str(tmp_path / f"data/{name}/{split}/masks/{split}ing_{frame}.png"), rendering.paint)
        (tmp_path / "data" / name / "dataset.json").write_text(json.dumps({"name": name, "definition": "ALL_PAINT", "licence": "own"}))
    return tmp_path / "data"


def test_each_source_is_scored_by_a_network_that_never_saw_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lanes.train.NETWORKS", {"unet": Network({"widths": [4, 4, 8], "stem_stride": 2}, (WIDTH, HEIGHT))})
    command = ["--data", str(data), "--out", str(tmp_path / "cv"), "--steps", "2", "--batch", "2", "--crop", "64", "64", "--workers", "0"]
    # What is passed on cannot change which source is left out.
    command += ["--leave-out", "nobody"]
    assert main([*command, "--val-every", "2"]) == 0
    for source, other in (("north", "south"), ("south", "north")):
        run = tmp_path / "cv" / source
        scores = json.loads((run / "scores.json").read_text())["scores"]
        assert {split: list(rows) for split, rows in scores.items()} == {"val": ["all", "valing"], "train": ["all", "training"]}
        assert scores["val"]["all"]["frames"] == 2
        trained_on = torch.load(run / "unet.pt", weights_only=True)["metadata"]["training_data"]
        assert other in trained_on
        assert source not in trained_on
    table = capsys.readouterr().out
    assert [line.split()[:4] for line in table.splitlines() if line.split()[:1] == ["mean"]] == [
        ["mean", "val", "all", "4"],
        ["mean", "train", "all", "4"],
    ]

    # A second time nothing is trained: the scores are there.
    monkeypatch.setattr("lanes.train.train", None)
    assert main([*command, "--val-every", "2", "--sources", "south"]) == 0
    assert "north" not in capsys.readouterr().out
    assert main([*command, "--val-every", "3"]) == 2
    assert "of a training with options --steps 2" in capsys.readouterr().err
    (tmp_path / "cv/south/scores.json").write_text('{"options": [], "scores": {"val": 3}}')
    assert main([*command, "--val-every", "2"]) == 2
    assert "south/scores.json is damaged" in capsys.readouterr().err


def test_wrong_requests_are_one_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--out", str(tmp_path / "cv"), "--data"]
    assert main([*command, str(data), "--sources", "east"]) == 2
    assert "has no source 'east': it has north, south" in capsys.readouterr().err
    assert main([*command, str(data / "north")]) == 2
    assert "one source alone" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*command, str(data), "--no-such-option"])
    assert not (tmp_path / "cv").exists()
