"""The page and docs/ladder.md, of made-up figures: complete in themselves, and honest about what is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.common.observe import Observation
from benchmarks.common.results import new_result
from benchmarks.ladder import story
from benchmarks.ladder.gallery import write_image, write_sheet
from benchmarks.ladder.markdown import write_docs
from benchmarks.ladder.page import inline, ladder_page
from benchmarks.ladder.rungs import RUNGS
from benchmarks.ladder.show import common_engine, draw_learning, draw_tradeoff, order, summary_rows
from benchmarks.report.command import report_page
from lanes.errors import InputError
from tests.benchmarks.ladder.figures import SHOTS, parts


def result(**changed: Any) -> dict[str, Any]:
    facts = {"processor": "Testor <9000>", "cores": 4, "before": {}, "after": {}}
    warnings = ["other processes took 31 % of the <processor>"]
    made = new_result("ladder", "the ladder", Observation(facts, warnings), parts=parts(), missing={"classical": "no model is called that"})
    return made | {"left_out": {"patch onnx int8": "onnx runs no int8 here"}} | changed


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    write_sheet(folder / "frames.webp", [rng.integers(0, 255, (18, 32, 3), dtype=np.uint8) for _ in SHOTS])
    for name in ("patch", "fcn", "unet_plain"):
        write_sheet(folder / f"{name}.webp", [rng.integers(0, 255, (54, 32, 3), dtype=np.uint8) for _ in SHOTS])
    write_image(folder / "grid.webp", rng.integers(0, 255, (54, 96, 3), dtype=np.uint8))
    return folder


def test_the_page_needs_no_other_file(pictures: Path) -> None:
    page = ladder_page(result(), pictures)
    for address in re.findall(r'(?:src|href)="([^"]+)"|url\(([^)]+)\)', page):
        assert "".join(address).startswith(("data:", "#", "https://"))
    assert not re.search(r'src="https', page)
    assert page.count("data:image/webp") == 5  # two sheets of rungs are not there


def test_the_page_says_what_was_found_and_what_not(pictures: Path) -> None:
    page = ladder_page(result(), pictures)
    assert page.count('class="verdict found"') == 4
    assert "Not measured, for they were not there: classical." in page
    assert "31 % of the &lt;processor&gt;" in page
    assert "375 times" in page
    assert "unet3d sees best: relaxed F1 0.765 at 9.00 ms a frame. unet_plain comes within 0.02 of it at 7.00 ms." in page
    assert "81,920 patches of 37x37 px take 9 s, one for every 8th pixel and row 0.18 s, the dense twin 0.06 s" in page
    assert "Best of the six: day" in page
    assert "0.20% of the frame paint" in page
    assert "onnx runs no int8 here" in page


def test_parts_that_were_not_measured_leave_no_hole(tmp_path: Path) -> None:
    few = {name: part for name, part in parts().items() if name == "facts"}
    page = ladder_page(result(parts=few, missing={}), tmp_path)
    assert page.count("not measured") == 4
    assert "31 % of" not in page  # a warning about times that are not there
    write_docs(tmp_path / "ladder.md", result(parts=few), tmp_path)
    assert "![" not in (tmp_path / "ladder.md").read_text()


def test_docs_link_to_pictures_that_are_there(pictures: Path, tmp_path: Path) -> None:
    page = tmp_path / "ladder.md"
    write_docs(page, result(), pictures)
    text = page.read_text()
    links = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert links
    assert all((tmp_path / link).is_file() for link in links)
    assert {"ladder/tradeoff.svg", "ladder/learning.svg", "ladder/frames.webp", "ladder/grid.webp", "ladder/patch.webp"} <= set(links)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1
    write_docs(page, result(), tmp_path / "ladder")  # again, from its own pictures
    assert page.read_text() == text


def test_the_page_of_all_results_shows_it(tmp_path: Path) -> None:
    page = report_page([(tmp_path / "ladder.json", result())], broken := {})
    assert not broken
    assert "4 of 4 predictions found, 0 not measured" in page
    assert "<svg" in page


def test_rungs_stand_in_their_order() -> None:
    assert order(parts()) == ["patch", "fcn", "unet_noskip", "unet_plain", "unet3d"]
    assert [row[0] for row in summary_rows(parts())] == order(parts())


def test_times_are_compared_in_the_engine_that_runs_most() -> None:
    changed = parts()
    assert common_engine(changed) == ("openvino", "fp32")  # both run all, and it is faster
    changed["cost"]["entries"] = [each for each in changed["cost"]["entries"] if (each["rung"], each["engine"]) != ("fcn", "openvino")]
    assert common_engine(changed) == ("torch", "fp32")
    assert common_engine({}) is None


def test_names_in_the_plot_do_not_lie_over_each_other() -> None:
    """Neither where rungs are far from each other, nor where three cost and see almost the same."""
    close = parts()
    for name, f1 in (("fcn", 0.70), ("unet_plain", 0.71), ("unet_noskip", 0.705)):
        close["accuracy"]["by_rung"][name]["scores"]["mean"]["relaxed_f1"] = f1
        for entry in close["cost"]["entries"]:
            if entry["rung"] == name:
                entry["ms"]["p50"] = 10.0
    for given in (parts(), close):
        figure = draw_tradeoff(given)
        figure.draw_without_rendering()
        extents = [label.get_window_extent() for label in figure.axes[0].texts if label.get_text()]
        assert len(extents) == 6  # and the patches as they are taught
        for number, one in enumerate(extents):
            assert not any(one.overlaps(other) for other in extents[number + 1 :])


def test_learning_curves_have_a_band_each() -> None:
    figure = draw_learning(parts())
    assert len(figure.axes[0].collections) == 2
    assert [line.get_label() for line in figure.axes[0].lines] == ["unet_plain", "unet_noskip"]


def test_curves_that_do_not_rise_are_said_to_be_short_of_time() -> None:
    rising = parts()
    flat = parts()
    for curve in flat["learning"]["curves"].values():
        curve[-1]["mean"] = curve[0]["mean"] - 0.03
    assert "time is the limit" in story.learning_line(flat)
    assert "time is the limit" not in story.learning_line(rising)
    assert "With 240 seconds and all frames they reach: " in story.learning_line(rising)


def test_a_rung_that_sees_nothing_is_not_praised() -> None:
    row = {"relaxed_f1": 0.0, "relaxed_precision": 0.0, "relaxed_recall": 0.0, "false_area": 0.0, "paint": True}
    assert story.best_and_worst({"day": row, "night": row}) == "It finds no paint in any of these frames."
    assert story.best_and_worst({"own": dict.fromkeys(row)}) == ""


def test_every_rung_has_a_story_and_a_source() -> None:
    for rung in RUNGS:
        assert len(rung.why) > 30
        assert len(rung.what) > 60
        assert len(rung.fails) > 60
        assert rung.papers
        assert all(paper.url.startswith("https://") for paper in rung.papers)
        assert "`" not in rung.why + rung.what + rung.fails


def test_code_in_words_is_escaped() -> None:
    assert inline("run `a < b` & go") == "run <code>a &lt; b</code> &amp; go"


def test_tiles_of_several_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one shape"):
        write_sheet(tmp_path / "sheet.webp", [np.zeros((9, 16, 3), np.uint8), np.zeros((9, 12, 3), np.uint8)])


def test_a_sheet_is_read_from_left_to_right(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.webp", [np.full((16, 32, 3), 40 * number, np.uint8) for number in range(5)])
    sheet = cv2.imread(str(tmp_path / "sheet.webp"))
    assert sheet is not None
    assert sheet.shape == (32, 96, 3)
    assert [int(sheet[8 + 16 * (number // 3), 16 + 32 * (number % 3)].mean()) // 38 for number in range(5)] == [0, 1, 2, 3, 4]
