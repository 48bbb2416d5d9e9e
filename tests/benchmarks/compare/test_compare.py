"""Whether a comparison finds what is slower, and nothing where nothing is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.common.observe import Observation
from benchmarks.common.results import new_result, write_result
from benchmarks.compare.budget import check_budget, read_budget
from benchmarks.compare.changes import (
    StageTimes,
    align_stages,
    compare_stage,
    compare_stages,
    median_interval,
    rounds_needed,
    scatter_warnings,
)
from benchmarks.compare.command import main
from lanes.errors import InputError
from lanes.telemetry.stages import STAGES

ROOT = Path(__file__).resolve().parents[3]

MILLISECONDS = {
    "capture": 3.0,
    "preprocess": 1.0,
    "inference": 14.0,
    "postprocess": 2.5,
    "lanes": 1.5,
    "overlay": 2.5,
    "output": 6.0,
    "end_to_end": 70.0,
}


def noisy_runs(rng: np.random.Generator, rounds: int, planted: dict[str, float]) -> tuple[list[StageTimes], list[StageTimes]]:
    """Runs before and after on a machine as they are: it drifts, jitters by some percent, and now and then is busy for one run.

    `planted` is added to the stages after.
    """
    drift = np.exp(np.cumsum(rng.normal(0, 0.03, rounds)))
    runs: tuple[list[StageTimes], list[StageTimes]] = ([], [])
    for number in range(rounds):
        for version, extra in zip(runs, ({}, planted), strict=True):
            disturbed = rng.uniform(1.3, 3.0) if rng.random() < 0.05 else 1.0
            version.append(
                {
                    stage: {"p50": (base + extra.get(stage, 0.0)) * drift[number] * disturbed * float(np.exp(rng.normal(0, 0.03)))}
                    for stage, base in MILLISECONDS.items()
                }
            )
    return runs


def test_the_same_version_twice_does_not_differ() -> None:
    rng = np.random.default_rng(1)
    wrong = sum(any(change.verdict != "no difference" for change in compare_stages(*noisy_runs(rng, 20, {}))) for _ in range(200))
    assert wrong <= 10  # of 200, by the confidence of 95 %; demanded are 20


def test_a_delay_of_two_milliseconds_is_found_in_its_stage() -> None:
    rng = np.random.default_rng(2)
    for stage in ("preprocess", "postprocess", "overlay"):
        found = 0
        for _ in range(50):
            named = {
                change.stage: change for change in compare_stages(*noisy_runs(rng, 20, {stage: 2.0})) if change.verdict != "no difference"
            }
            if list(named) == [stage] and named[stage].verdict == "slower" and 1.6 < named[stage].difference_ms < 2.6:
                found += 1
        assert found >= 45


def test_a_gain_is_faster() -> None:
    (change,) = (c for c in compare_stages(*noisy_runs(np.random.default_rng(3), 20, {"inference": -5.0})) if c.stage == "inference")
    assert change.verdict == "faster"
    assert change.low < change.ratio < change.high < 1


def test_what_is_not_relevant_is_no_difference() -> None:
    before = [10.0 + 0.001 * number for number in range(20)]
    assert compare_stage("output", before, [value + 0.15 for value in before], 0.99).verdict == "no difference"  # 1.5 %
    assert compare_stage("output", [value / 1000 for value in before], [value / 500 for value in before], 0.99).verdict == "no difference"
    assert compare_stage("output", before, [value + 0.5 for value in before], 0.99).verdict == "slower"


def test_a_stage_that_one_version_times_as_part_of_another_is_added_there() -> None:
    old: StageTimes = {"postprocess": {"p50": 4.0, "p99": 9.0, "n": 50}, "overlay": {"p50": 2.0, "p99": 3.0, "n": 50}}
    new: StageTimes = {
        "postprocess": {"p50": 1.0, "p99": 2.0, "n": 50},
        "lanes": {"p50": 3.0, "p99": 6.0, "n": 50},
        "overlay": old["overlay"],
    }
    for before, after in (([old], [new]), ([new], [old])):
        (one,), (other,), (warning,) = align_stages(before, after)
        assert list(one) == list(other) == ["postprocess", "overlay"]
        assert one["postprocess"]["p50"] == other["postprocess"]["p50"] == 4.0
        assert "only one of the two times lanes apart from postprocess" in warning
    assert align_stages([new], [new]) == ([new], [new], [])


def test_versions_before_and_after_the_lanes_stage_do_not_differ(tmp_path: Path) -> None:
    write_version(tmp_path / "new", 10.0)
    write_version(tmp_path / "old", 10.0, without="lanes")
    out = tmp_path / "compare.json"
    assert main([str(tmp_path / "old"), str(tmp_path / "new"), "--rounds", "9", "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["conclusion"] == "no stage differs"
    assert "lanes" not in {change["stage"] for change in result["stages"]}
    assert any("times lanes apart" in warning for warning in result["warnings"])


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(500):
        low, high = median_interval((5 + rng.standard_cauchy(20)).tolist(), 0.95)[1:]
        covered += low <= 5 <= high
    assert covered >= 0.93 * 500


def test_rounds_that_scatter_too_much_are_a_warning() -> None:
    rng = np.random.default_rng(5)
    for jitter, warned in ((0.02, False), (0.6, True)):
        before, after = ([{"output": {"p50": 10 * float(np.exp(rng.normal(0, jitter)))}} for _ in range(20)] for _ in range(2))
        assert bool(scatter_warnings(compare_stages(before, after))) == warned


@given(st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=30), st.floats(-1e3, 1e3))
def test_the_interval_moves_with_its_values(values: list[float], shift: float) -> None:
    centre, low, high = median_interval(values, 0.95)
    assert min(values) - 1e-9 <= low <= centre <= high <= max(values) + 1e-9
    assert median_interval([value + shift for value in values], 0.95) == pytest.approx((centre + shift, low + shift, high + shift))


def test_too_few_rounds_are_refused_with_the_number_needed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"5 rounds are too few .* 6 are needed"):
        median_interval([1.0] * 5, 0.95)
    assert rounds_needed(0.95) == 6
    assert main([str(ROOT), str(ROOT), "--rounds", "3", "--json", str(tmp_path / "out.json")]) == 2
    assert "--rounds 3: too few to distinguish versions, 9 are needed" in capsys.readouterr().err


# --- budget ----------------------------------------------------------------------------------------------------------------------


def one_run(**p50: float) -> StageTimes:
    return {stage: {"p50": value, "p99": 2 * value} for stage, value in p50.items()}


def test_a_budget_is_held_against_the_median_run(tmp_path: Path) -> None:
    path = tmp_path / "budget.toml"
    path.write_text("[inference]\np50 = 12\np99 = 25\n[overlay]\np50 = 1.5\n")
    runs = [one_run(inference=11, overlay=2), one_run(inference=13, overlay=2), one_run(inference=11.5, overlay=1)]
    lines = check_budget(read_budget(path), runs)
    assert [(line["stage"], line["percentile"], line["measured_ms"], line["over"]) for line in lines] == [
        ("inference", "p50", 11.5, False),
        ("inference", "p99", 23.0, False),
        ("overlay", "p50", 2.0, True),
    ]
    with pytest.raises(InputError, match="names overlay, which did not run"):
        check_budget(read_budget(path), [one_run(inference=11)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no stage"),
        ("[inference", "is not TOML"),
        ("inference = 12", "gives no percentile for inference"),
        ("[inference]\np42 = 12", "asks for p42 of inference: there are p50"),
        ("[inference]\np50 = 'fast'", "gives 'fast' for inference p50"),
        ("[inference]\np50 = -1", "a number above 0"),
        ("[inference]\np50 = nan", "a number above 0"),
        (b"\xff\xfe", "is not TOML"),
    ],
)
def test_a_wrong_budget_is_refused_in_words(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "budget.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_budget(path)


# --- versions --------------------------------------------------------------------------------------------------------------------


def write_version(folder: Path, inference_ms: float, without: str = "") -> None:
    """A project whose pipeline takes the time that is given here: what is tested is what happens around it.

    Args:
        without: a stage that this version does not time apart; it is in `postprocess`, of which it takes half.
    """
    stages = {stage: {"p50": inference_ms if stage == "inference" else 1.0, "p99": 50.0, "n": 9} for stage in STAGES if stage != without}
    if without:
        stages["postprocess"] = {"p50": 2.0, "p99": 100.0, "n": 9}
    report = {"stages": stages, "end_to_end": {"p50": 20.0, "p99": 60.0, "n": 9}}
    folder.mkdir(exist_ok=True)
    (folder / "run_video.py").write_text(
        f"import json, sys, pathlib\npathlib.Path(sys.argv[sys.argv.index('--report') + 1]).write_text(json.dumps({report!r}))\n"
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A repository of two commits, tagged `fast` and `slow`, which is the working folder; returns a function that calls git."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def git(*words: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    for tag, milliseconds in (("fast", 10.0), ("slow", 12.0)):
        write_version(folder, milliseconds)
        git("add", ".")
        git("commit", "-qm", tag)
        git("tag", tag)
    return git


def test_two_commits_are_compared_without_touching_the_checkout(repository: Callable[..., str], tmp_path: Path) -> None:
    Path("run_video.py").write_text("half an edit")
    before = repository("status", "--porcelain"), repository("worktree", "list")
    out = tmp_path / "compare.json"
    assert main(["fast", "slow", "--rounds", "9", "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert result["kind"] == "compare"
    assert result["conclusion"] == "inference is slower by 2.00 ms (+20.0%)"
    assert result["before"]["commit"] == repository("rev-parse", "fast").strip()
    assert (repository("status", "--porcelain"), repository("worktree", "list")) == before
    assert Path("run_video.py").read_text() == "half an edit"


def test_over_budget_is_exit_status_one_with_a_line_a_stage(
    repository: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del repository
    (tmp_path / "budget.toml").write_text("[inference]\np50 = 11\n[output]\np99 = 49\n[overlay]\np50 = 2\n")
    words = ["--rounds", "1", "--json", str(tmp_path / "out.json"), "--budget", str(tmp_path / "budget.toml")]
    assert main(["slow", *words]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "budget" in line]
    assert lines == [
        "inference p50: 12.00 ms, over its budget of 11 ms",
        "output p99: 50.00 ms, over its budget of 49 ms",
    ]
    (tmp_path / "budget.toml").write_text("[inference]\np50 = 11\n")
    assert main(["fast", *words]) == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fast", "no-such-thing"], "no-such-thing is no file, no folder and no commit"),
        (["fast"], "give two versions to compare, or one with --budget"),
        (["fast", ".."], ".. is no copy of the project: it has no run_video.py"),
        (["fast", "run_video.py"], "a result can only be compared with another result"),
        (["broken", "fast"], "broken: run_video.py --source"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    repository: Callable[..., str], names: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("run_video.py").write_text("raise SystemExit('the model is missing')")
    repository("commit", "-qam", "broken")
    repository("tag", "broken")
    assert main([*names, "--json", str(tmp_path / "out.json")]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.strip().splitlines()[-1].startswith("benchmarks.compare: ")
    assert printed.out == ""
    assert not (tmp_path / "out.json").exists()


def test_no_credential_of_a_source_is_in_the_result_or_on_the_screen(
    tmp_path: Path, repository: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    address = ["--source", "rtsp://user:SECRET@cam.local:554/SECRET"]
    assert main(["fast", "slow", "--rounds", "9", "--json", str(out), *address]) == 0
    assert json.loads(out.read_text())["options"][:2] == ["--source", "rtsp://cam.local:554"]
    Path("run_video.py").write_text("import sys\nraise SystemExit(f'no route to {sys.argv[2]}')")
    repository("commit", "-qam", "broken")
    assert main(["HEAD", "fast", *address]) == 2
    assert "SECRET" not in out.read_text() + "".join(capsys.readouterr())


def write_latency(path: Path, inference_ms: float, queries: int = 600, seed: int = 0) -> Path:
    """A result as benchmarks.latency writes it, as far as it is compared."""
    rng = np.random.default_rng(seed)
    inference = inference_ms * np.exp(rng.normal(0, 0.05, queries))
    samples = {"latency_ms": (inference + 1.0).tolist(), "preprocess_ms": [1.0] * queries, "inference_ms": inference.tolist()}
    write_result(path, new_result("latency", path.stem, Observation(), samples=samples))
    return path


def test_two_results_are_compared_segment_by_segment(tmp_path: Path) -> None:
    one, other = write_latency(tmp_path / "one.json", 10, seed=1), write_latency(tmp_path / "other.json", 12, seed=2)
    out = tmp_path / "compare.json"
    assert main([str(one), str(other), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert {change["stage"]: change["verdict"] for change in result["stages"]} == {
        "latency": "slower",
        "preprocess": "no difference",
        "inference": "slower",
    }
    assert any("were not measured interleaved" in warning for warning in result["warnings"])
    assert main([str(one), str(one), "--json", str(out)]) == 0
    assert json.loads(out.read_text())["conclusion"] == "no stage differs"


def test_results_that_cannot_be_compared_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = write_latency(tmp_path / "short.json", 10, queries=50)
    assert main([str(short), str(short)]) == 2
    assert "has too few samples to be cut into 20 segments" in capsys.readouterr().err
    write_result(tmp_path / "other.json", new_result("roofline", "limit", Observation()))
    assert main([str(tmp_path / "other.json"), str(short)]) == 2
    assert "only those of benchmarks.latency can be compared" in capsys.readouterr().err
    (tmp_path / "broken.json").write_text("{")
    assert main([str(tmp_path / "broken.json"), str(short)]) == 2
    assert "is damaged or no JSON" in capsys.readouterr().err


# --- the real pipeline -----------------------------------------------------------------------------------------------------------


def copy_project(folder: Path, stage_line: str = "", sleep: str = "") -> Path:
    """A copy of what runs a video, with a line put in after `stage_line` of the loop."""
    for part in ("lanes", "engines", "calibration"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "run_video.py", folder)
    if stage_line:
        loop = folder / "lanes" / "pipeline" / "pipeline.py"
        text = loop.read_text()
        assert text.count(stage_line) == 1
        loop.write_text(text.replace(stage_line, stage_line + sleep))
    return folder


@pytest.mark.slow
def test_a_planted_delay_is_found_in_the_real_pipeline(tmp_path: Path) -> None:
    line = 'with job.timing.measure("overlay"):\n'
    planted = copy_project(tmp_path / "planted", line, " " * 20 + "__import__('time').sleep(0.002)\n")
    out = tmp_path / "out.json"
    assert main([str(copy_project(tmp_path / "before")), str(planted), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    print(result["conclusion"], result["warnings"])
    changes: dict[str, Any] = {change["stage"]: change for change in result["stages"]}
    assert changes["overlay"]["verdict"] == "slower"
    assert changes["overlay"]["difference_ms"] == pytest.approx(2.0, abs=0.6)
    assert result["conclusion"].startswith("overlay is slower")


@pytest.mark.slow
def test_one_version_against_itself_in_ten_trials(tmp_path: Path) -> None:
    folders = [str(copy_project(tmp_path / name)) for name in ("one", "other")]
    out = tmp_path / "out.json"
    found = []
    for _ in range(10):
        assert main([*folders, "--limit", "60", "--json", str(out)]) == 0
        found.append(json.loads(out.read_text())["conclusion"])
    print("\n".join(found))
    assert found.count("no stage differs") >= 9


def test_the_module_is_a_program() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "--budget FILE" in printed
