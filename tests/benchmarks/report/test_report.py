"""One page of all results: complete in itself, warnings in sight, broken files named."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import against_benchmark_app
from benchmarks.common.observe import Observation
from benchmarks.common.results import load_result, new_result, write_result
from benchmarks.compare.changes import CONFIDENCE, MIN_MS, MIN_SHARE, compare_stages, conclusion
from benchmarks.latency.measure import describe_run
from benchmarks.latency.plan import Plan
from benchmarks.latency.scenarios import Length, Run
from benchmarks.report.command import main, read_folders, report_page
from benchmarks.report.sections import CONTEXTS, milliseconds
from benchmarks.roofline.layers import Layer
from benchmarks.roofline.peaks import Peaks
from benchmarks.soak.long_run import judge

WARNING = "other processes took 31 % of the <processor>"

FACTS = {
    "processor": "Testor 9000",
    "cores": 4,
    "libraries": {"numpy": "2.0"},
    "before": {"clocks_mhz": [3000.0]},
    "after": {"clocks_mhz": [2900.0]},
}

rng = np.random.default_rng(0)


def made(kind: str, name: str, warnings: list[str] | None = None, **fields: Any) -> dict[str, Any]:
    return new_result(kind, name, Observation(dict(FACTS), warnings or []), **fields)


def latency_result() -> dict[str, Any]:
    """As benchmarks.latency writes it, of 800 queries."""
    run = Run(seconds=12.0)
    for value in rng.gamma(9, 1.5, 800).tolist():
        run.add(value, {"preprocess": 0.1 * value, "inference": 0.8 * value, "postprocess": 0.1 * value}, 1)
    plan = Plan("single-stream", 0.9, Length(800), 30.0)
    return made(
        "latency",
        "unet on openvino int8, single-stream",
        [WARNING],
        definition="MLPerf SingleStream",
        inside={"latency": "from a frame in memory to its probability in memory"},
        engine={"name": "openvino", "precision": "int8", "version": "2026.4", "batch": 1},
        model={"name": "unet", "width": 640, "height": 384},
        **describe_run(plan, run),
    )


def compare_result() -> dict[str, Any]:
    before, after = (
        [{"inference": {"p50": 10 + planted + rng.normal(0, 0.1)}, "overlay": {"p50": 2 + rng.normal(0, 0.02)}} for _ in range(12)]
        for planted in (0, 2)
    )
    changes = compare_stages(before, after)
    return made(
        "compare",
        "HEAD against main",
        rounds=12,
        before={"name": "main"},
        after={"name": "HEAD"},
        confidence=CONFIDENCE,
        min_share=MIN_SHARE,
        min_ms=MIN_MS,
        stages=[asdict(change) for change in changes],
        conclusion=conclusion(changes),
        budget=[{"stage": "inference", "percentile": "p50", "limit_ms": 11, "measured_ms": 12.0, "over": True}],
    )


def tradeoff_result() -> dict[str, Any]:
    entries = [
        {
            "model": "unet",
            "engine": engine,
            "precision": precision,
            "version": "1",
            "device": "CPU",
            "model_sha256": "",
            "width": 640,
            "height": 384,
            "ms": {"p50": ms, "p90": 1.2 * ms, "p99": 1.5 * ms, "n": 100},
            "rounds_ms": [0.9 * ms, ms],
            "fps": 1000 / ms,
            "peak_memory_mb": 180.0,
            "joules": None,
            "front": ms == 12,
            "scores": {"mean": {"relaxed_f1": f1, "iou": 0.47}},
        }
        for engine, precision, ms, f1 in (("openvino", "int8", 12, 0.775), ("onnx", "fp32", 40, 0.774))
    ]
    data = {"split": "val", "frames": 339, "sources": ["camvid"]}
    left_out = {"unet torch int8": "torch runs no int8 here"}
    fields = {"interval": "in memory to in memory", "frame": {"width": 1280, "height": 720}, "rounds": 2, "runs": 50}
    return made("tradeoff", "accuracy against cost", data=data, entries=entries, left_out=left_out, **fields)


def roofline_result() -> dict[str, Any]:
    peaks = Peaks({"fp32": {"numpy": 150e9}}, {2**18: 80e9, 2**28: 12e9})
    layers = []
    for number in range(6):
        layer = Layer(f"encoders.{number}", "Conv", macs=10**7 * (number + 1), weight_bytes=10**5, activation_bytes=10**6)
        seconds, bound = peaks.floor(layer.operations, layer.bytes, "fp32")
        sizes = {"operations": layer.operations, "bytes": layer.bytes}
        times = {"floor_ms": 1000 * seconds, "bound": bound, "ms": 1500 * seconds}
        layers.append({"name": layer.name, "kind": layer.kind, **sizes, **times})
    floor = sum(layer["floor_ms"] for layer in layers)
    entry = {"engine": "onnx", "precision": "fp32", "latency_ms": 1.6 * floor, "floor_ms": floor, "of_floor": 1 / 1.6, "layers": layers}
    bandwidth = [{"bytes": size, "rate": rate} for size, rate in peaks.bandwidth.items()]
    return made(
        "roofline",
        "limit of unet",
        model={"name": "unet", "width": 640, "height": 384, "batch": 1},
        peaks={"operations_per_second": peaks.rates, "bytes_per_second": bandwidth},
        engines=[entry],
        left_out={},
    )


def against_result(engine_ms: list[float], benchmark_app_ms: list[float]) -> dict[str, Any]:
    times: dict[str, Any] = {"engine_ms": engine_ms, "benchmark_app_ms": benchmark_app_ms}
    ratio = float(np.median(against_benchmark_app.ratios(times)))
    return made(against_benchmark_app.KIND, "unet, against benchmark_app", ratio=ratio, agrees=abs(ratio - 1) <= 0.05, **times)


def page_result() -> dict[str, Any]:
    summary = {"p50": 51.9, "p90": 54.0, "p95": 55.2, "p99": 60.0, "max": 71.0, "mean": 52.0, "n": 300}
    return made("page", "the page", passed=True, parts={"painted": {"painted_ms": summary, "drawn_ms": summary, "passed": True}})


def long_run_result() -> dict[str, Any]:
    summary = {"p50": 25.0, "p90": 28.0, "p95": 30.0, "p99": 40.0, "max": 55.0, "mean": 26.0, "n": 1500}
    held = {"anonymous_bytes": 200_000_000, "resident_bytes": 260_000_000, "threads": 24, "descriptors": 15}
    found = {
        "parts": [{"seconds": 60.0, "latency_ms": summary, "age_ms": summary, **held}] * 5,
        "samples": [{"at_s": 2.0 * number, **held} for number in range(150)],
        "reconnections": [{"at_s": 90.0, "away_s": 5.0, "back_s": 0.7}],
        "frames": {"captured": 7400, "processed": 7390, "dropped": 10, "corrupt": 0},
    }
    return made("soak", "the whole program for 5 minutes", minutes=5.0, **found, **judge(found))


def faults_result() -> dict[str, Any]:
    cases = [
        {"name": "file 0: mp4, cut", "frames": 9, "sentence": "", "problem": "", "seconds": 0.1},
        {"name": "file 1: mkv, flip", "frames": 0, "sentence": "", "problem": "hangs: no end after 60 s", "seconds": 60.0},
    ]
    fields = {"problems": ["file 1: mkv, flip"], "kinds": ["mp4", "mkv"], "left_out": {"ogv": "no encoder of Theora here"}}
    return made("faults", "2 files, 0 streams, seed 0", seed=0, cases=cases, passed=False, **fields)


def archive_result() -> dict[str, Any]:
    trials = {
        "faults": {"passed": True, "words": "200 drives; lost: 0"},
        "scaling": {"passed": False, "words": "two workers against one: 1.50 times"},
    }
    return made("archive", "200 drives of 10 s at 10 fps", trials=trials)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One result of each kind."""
    folder = tmp_path_factory.mktemp("results")
    for make in (latency_result, compare_result, tradeoff_result, roofline_result):
        result = make()
        write_result(folder / f"{result['kind']}.json", result)
    return folder


class Page(HTMLParser):
    """What a page refers to, and whether its tags close."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.references += [values[name] or "" for name in ("src", "href", "xlink:href") if name in values]
        self.anchors.add(values.get("id") or "")
        if tag not in (*self.VOID, "html", "p", "li"):  # of which HTML lets the end be left out
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("html", "p", "li"):
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    out = folder.parent / "report.html"
    assert main([str(folder), "--out", str(out)]) == 0
    return out.read_text()


def test_the_page_is_complete_in_itself(page: str) -> None:
    parsed = Page(page)
    assert not parsed.open
    for reference in parsed.references:
        assert reference.startswith(("#", "data:", "https://doi.org/"))  # a citation may be followed, nothing is loaded
        if reference.startswith("#result"):
            assert reference[1:] in parsed.anchors
    assert "<script" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert len(page) < 3_000_000  # a mail server takes it


def test_every_result_is_there_with_its_plots_and_its_machine(page: str) -> None:
    for text in (
        "unet on openvino int8, single-stream",
        "p90 of latency",
        "inference is slower by",
        "fastest: unet, openvino int8, 12.0 ms",
        "onnx fp32: 62% of the limit",
        "encoders.5",
        "torch runs no int8 here",
    ):
        assert text in page
    assert page.count('<svg class="plot"') == 5  # percentiles, stages, and one of each other kind
    assert page.count("Testor 9000, 4 cores") == 4
    assert page.count("clocks mhz: 2900") == 4


def test_warnings_are_in_sight_and_escaped(page: str) -> None:
    assert page.count("reasons not to trust these figures") == 1
    assert "31 % of the &lt;processor&gt;" in page
    assert "4 results, of which 1 has warnings" in page
    section = page[page.index("<h2>unet on openvino int8, single-stream") :]
    assert section.index("reasons not to trust") < section.index("<details")


def test_broken_files_are_named_and_passed_over(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "half.json").write_text((folder / "compare.json").read_text()[:500])
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "hollow.json").write_text(json.dumps({**load_result(folder / "tradeoff.json"), "entries": [{}]}))
    (tmp_path / "strange.json").write_text(json.dumps({**load_result(folder / "compare.json"), "kind": "weather"}))
    (tmp_path / "empty.json").touch()
    out = tmp_path / "page.html"
    assert main([str(folder / "compare.json"), str(tmp_path), "--out", str(out)]) == 0
    page = out.read_text()
    for name in ("half.json", "other.json", "hollow.json", "empty.json"):
        assert name in page[page.index("Not in this page") :]
    assert "cannot show results of kind weather" in page
    assert "2 results" in page
    assert capsys.readouterr().err.count("passed over:") == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [(["no-such-folder"], "no-such-folder does not exist"), (["."], "no results in"), ([".", "--out", "."], "is a folder")],
)
def test_a_wrong_request_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--out", "page.html", *words]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(("value", "words"), [(15.0, "15.0"), (0.4, "0.400"), (99.96, "100"), (123.4, "123"), (1234.5, "1234")])
def test_milliseconds_have_three_digits(value: float, words: str) -> None:
    assert milliseconds(value) == words


def test_what_was_found_live_is_shown_with_its_limits(tmp_path: Path) -> None:
    results = [(tmp_path / f"{number}.json", make()) for number, make in enumerate((page_result, long_run_result, faults_result))]
    page = report_page(results, broken := {})
    assert not broken
    for text in (
        "in memory to painted",
        "painted: passed",
        "1 of 1 reconnections, back after 0.7 s at most",
        "descriptors, the last part less part 3",
    ):
        assert text in page
    for text in (
        "FAILED: 2 damaged sources of 2 kinds, 1 problems",
        "hangs: no end after 60 s",
        "no encoder of Theora here",
    ):
        assert text in page
    assert page.count('<svg class="plot"') == 1
    assert not Page(page).open


def test_the_trials_of_an_archive_are_shown(tmp_path: Path) -> None:
    page = report_page([(tmp_path / "archive.json", archive_result())], broken := {})
    assert not broken
    for text in ("1 of 2 trials passed: faults, scaling", "200 drives; lost: 0", "FAILED", "two workers against one: 1.50 times"):
        assert text in page


def test_the_index_shows_the_range_of_rounds_beside_a_ratio(tmp_path: Path) -> None:
    result = against_result([10.373, 10.197, 10.271, 13.541, 13.458], [10.05, 10.11, 13.54, 10.19, 13.60])
    page = report_page([(tmp_path / "against.json", result)], {})
    assert "1.009 of what benchmark_app reads (rounds\N{NO-BREAK SPACE}0.759\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}1.329)" in page
    assert "Ratio 1.009 (rounds 0.759 to 1.329): the medians agree within 5%." in page
    assert '<td class="text">median</td><td>10.37</td><td>10.19</td><td>1.009</td>' in page


def test_every_committed_result_is_shown() -> None:
    results, broken = read_folders([Path(__file__).resolve().parents[3] / "benchmarks" / "results"])
    assert {result["kind"] for _, result in results} <= set(CONTEXTS)
    page = report_page(results, broken)
    assert not broken
    assert f"{len(results)} results" in page
