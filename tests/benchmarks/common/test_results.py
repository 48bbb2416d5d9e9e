"""Results as files: they come back as they were written, and older ones as of today."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.common.observe import Observation, observe_machine
from benchmarks.common.results import COMMON, SCHEMA, load_result, new_result, write_result
from lanes.errors import InputError

COMMITTED = Path(__file__).resolve().parents[3] / "benchmarks" / "results"


def test_a_result_comes_back_as_it_was_written(tmp_path: Path) -> None:
    with observe_machine(tmp_path) as observation:
        observation.warnings.append("it rained")
    result = new_result("latency", "a name", observation, samples=[1.5, 2.25])
    write_result(tmp_path / "deep" / "result.json", result)
    assert load_result(tmp_path / "deep" / "result.json") == result
    assert tuple(result)[: len(COMMON)] == COMMON
    assert (result["schema"], result["warnings"], result["samples"]) == (SCHEMA, ["it rained"], [1.5, 2.25])


SECRETS = (
    ["--source", "rtsp://user:SECRET@cam.local:554/stream"],
    ["--source=rtsp://cam.local/user=admin_password=SECRET_channel=1.sdp"],
    ["--output", "rtmp://a.rtmp.example.com/live2/SECRET"],
    ["http://cam.local/video?;pwd=SECRET"],
    ["rtsp://user:pass/SECRET@cam.local/"],
)


@pytest.mark.parametrize("words", SECRETS)
def test_no_credential_of_the_command_is_in_a_result(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "benchmarks.compare", "--limit", "9", *words])
    write_result(tmp_path / "result.json", new_result("compare", "a name", Observation()))
    text = (tmp_path / "result.json").read_text()
    assert "SECRET" not in text
    assert "-m benchmarks.compare --limit 9" in load_result(tmp_path / "result.json")["command"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "cannot read"),
        (b"", "damaged or no JSON"),
        (b'{"schema": 1, "kind": "lat', "damaged or no JSON"),
        (b"\xff\xfe\x00", "damaged or no JSON"),
        (b"[1, 2]", "not a result"),
        (b'{"frames": {}, "stages": {}}', "not a result"),
        (json.dumps(dict.fromkeys(COMMON, 99)).encode(), "schema 99"),
        (json.dumps(dict.fromkeys(COMMON, SCHEMA)).encode(), "damaged"),
        (b"[" * 100_000, "damaged or no JSON"),
    ],
)
def test_what_is_no_result_is_refused_in_words(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "result.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=word):
        load_result(path)


OF_SCHEMA_1 = [path for path in sorted(COMMITTED.rglob("*.json")) if json.loads(path.read_text())["schema"] == 1]


@pytest.mark.parametrize("path", OF_SCHEMA_1, ids=lambda path: path.stem)
def test_results_of_schema_1_are_read_as_of_today(path: Path) -> None:
    written, result = json.loads(path.read_text()), load_result(path)
    assert result["schema"] == SCHEMA
    assert result["warnings"] == written.get("doubts", written.get("warnings"))
    assert not {"doubts", "departures", "roofs", "turns", "least", "greatest"} & set(str(result).replace("'", " ").split())


def test_a_damaged_result_of_schema_1_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    old = dict.fromkeys(COMMON[:-1], "x") | {"schema": 1, "doubts": ["noise"], "machine": {}, "kind": "tradeoff", "entries": [{}]}
    (tmp_path / "old.json").write_text(json.dumps(old))
    assert load_result(tmp_path / "old.json")["warnings"] == ["noise"]
