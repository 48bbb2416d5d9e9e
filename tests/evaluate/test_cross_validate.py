"""Cross-validation: each source is scored by a network that never saw it, drive by drive."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lanes.evaluate.probability import LevelCounts

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'lanestream[train]'")
pytest.importorskip("lightning", reason="lightning is not installed: pip install 'lanestream[train]'")

from lanes.cross_validate import main, score_table  # noqa: E402
from lanes.models import Network  # noqa: E402
from lanes.train.cross_validation import LeftOut, common_threshold, read_counts, to_json  # noqa: E402
from lanes.train.threshold import DEFAULT_THRESHOLD  # noqa: E402


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
        counts = json.loads((run / "counts.json").read_text())
        assert {split: list(drives) for split, drives in counts.items()} == {"val": ["valing"], "train": ["training"]}
        assert counts["val"]["valing"]["frames"] == 2
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
    for damaged in (
        '{"val": 3}',
        '{"val": {"valing": {"frames": 2}}}',
        (tmp_path / "cv/north/counts.json").read_text().replace("[", "[0,", 1),
    ):
        (tmp_path / "cv/south/counts.json").write_text(damaged)
        assert main([*command, "--val-every", "2"]) == 2
        assert "south/counts.json is damaged" in capsys.readouterr().err


def sure_of(level: int, true: int, false: int) -> LevelCounts:
    """Counts of a frame of 100,000 pixels, paint on 1,000 of them: a network gives `true` of these `level`, and `false` others 90."""
    counts = LevelCounts(1)
    for histogram, found, every in ((counts.lane, true, 1000), (counts.near, true, 1000), (counts.reached, true, 1000)):
        histogram[level], histogram[0] = found, every - found
    for histogram in (counts.other, counts.far):
        histogram[90], histogram[0] = false, 99_000 - false
    return counts


def test_one_threshold_for_all_is_chosen_on_drives_that_figures_elsewhere_are_not_of(tmp_path: Path) -> None:
    # Above a level of 90 nothing is false; 120 is the least sure of the two networks, and neither loses paint up to there.
    found: dict[str, LeftOut] = {
        "north": {"val": {"c": sure_of(30, 900, 0)}, "train": {"a": sure_of(200, 500, 400), "b": sure_of(200, 400, 300)}},
        "south": {"train": {"d": sure_of(120, 800, 500)}},
    }
    threshold = common_threshold(found)
    assert 90 <= round(255 * threshold) < 120
    # It is neither south's own, which would do as well up to 119 alone, nor moved by what `val` holds.
    without_val: dict[str, LeftOut] = {source: {"train": splits["train"]} for source, splits in found.items()}
    assert common_threshold(without_val) == threshold
    table = score_table(found, threshold)
    text = StringIO()
    Console(file=text, width=140).print(table)
    rows = {tuple(line.split()[:3]): line.split()[3:] for line in text.getvalue().splitlines()}
    assert rows["north", "train", "all"][0] == "2"
    precision, recall, f1, false_area = (float(cell) for cell in rows["mean", "train", "all"][3:])
    assert (precision, recall, false_area) == (1.0, (0.45 + 0.8) / 2, 0.0)
    assert f1 == pytest.approx((2 * 0.45 / 1.45 + 2 * 0.8 / 1.8) / 2, abs=1e-4)
    assert "chosen on the split train" in text.getvalue()
    # Without such drives nothing is chosen, and nothing else is said.
    held_back: dict[str, LeftOut] = {"north": {"val": {"c": sure_of(30, 900, 0)}}}
    assert common_threshold(held_back) == DEFAULT_THRESHOLD
    assert score_table(held_back, DEFAULT_THRESHOLD).title == "threshold 0.500"
    # What is kept of a source is read back as it was.
    path = tmp_path / "counts.json"
    path.write_text(to_json(found["north"]))
    assert to_json(read_counts(path)) == to_json(found["north"])


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
