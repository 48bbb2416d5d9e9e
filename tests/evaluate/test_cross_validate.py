"""Cross-validation: each source is scored by a network that never saw it, drive by drive."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from lanes.cross_validate import main  # noqa: E402
from lanes.models import Network  # noqa: E402


def test_each_source_is_scored_by_a_network_that_never_saw_it(
    rendered_sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lanes.train.run.NETWORKS", {"unet": Network({"widths": [4, 4, 8], "stem_stride": 2}, (128, 64))})
    command = [
        "--data",
        str(rendered_sources),
        "--out",
        str(tmp_path / "cv"),
        "--steps",
        "2",
        "--batch",
        "2",
        "--crop",
        "64",
        "64",
        "--workers",
        "0",
    ]
    # What is passed on cannot change which source is left out.
    command += ["--leave-out", "nobody"]
    assert main([*command, "--val-every", "2"]) == 0
    for source, other in (("north", "south"), ("south", "north")):
        run = tmp_path / "cv" / source
        scores = json.loads((run / "scores.json").read_text())
        assert {split: list(rows["drives"]) for split, rows in scores.items()} == {"val": ["valing"], "train": ["training"]}
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
    monkeypatch.setattr("lanes.train.cross_validation.train", None)
    assert main([*command, "--val-every", "2", "--sources", "south"]) == 0
    assert "north" not in capsys.readouterr().out
    assert main([*command, "--val-every", "3"]) == 2
    assert "with options --steps 2" in capsys.readouterr().err
    elsewhere = shutil.copytree(rendered_sources, tmp_path / "elsewhere")
    assert main(["--data", str(elsewhere), *command[2:], "--val-every", "2"]) == 2
    assert f"of a training on {rendered_sources}" in capsys.readouterr().err
    (tmp_path / "cv/south/scores.json").write_text('{"val": 3}')
    assert main([*command, "--val-every", "2"]) == 2
    assert "south/scores.json is damaged" in capsys.readouterr().err


def test_wrong_requests_are_one_line(rendered_sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--out", str(tmp_path / "cv"), "--data"]
    assert main([*command, str(rendered_sources), "--sources", "east"]) == 2
    assert "has no source 'east': it has north, south" in capsys.readouterr().err
    assert main([*command, str(rendered_sources / "north")]) == 2
    assert "one source alone" in capsys.readouterr().err
    assert main([*command, str(rendered_sources), "--weights", "unet.pt"]) == 2
    assert "--weights may have seen what is left out" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*command, str(rendered_sources), "--no-such-option"])
    assert not (tmp_path / "cv").exists()
