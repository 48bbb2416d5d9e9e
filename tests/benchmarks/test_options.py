"""Every option of every benchmark has a help, a type and, where it may be left out for a value, a default; nonsense is refused at once."""

from __future__ import annotations

import argparse
from importlib import import_module

import pytest

from lanes.cli.arguments import Parser

COMMANDS = {
    "against_benchmark_app": "benchmarks.against_benchmark_app",
    "compare": "benchmarks.compare.command",
    "gpu": "benchmarks.gpu",
    "ladder": "benchmarks.ladder.command",
    "latency": "benchmarks.latency.command",
    "pipeline": "benchmarks.pipeline",
    "report": "benchmarks.report.command",
    "roofline": "benchmarks.roofline.command",
    "shapes": "benchmarks.shapes",
    "tradeoff": "benchmarks.tradeoff.command",
}


def parser_of(module: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that a command builds."""
    built: list[argparse.ArgumentParser] = []

    def keep(self: Parser, *_: object) -> None:
        built.append(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Parser, "parse_args", keep)
        with pytest.raises(KeyboardInterrupt):
            import_module(module).parse([])
    return built[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = parser_of(COMMANDS[name], monkeypatch)
    assert parser.prog == f"python -m benchmarks.{name}"
    for action in parser._actions:
        assert action.help
        if isinstance(action, argparse._HelpAction):
            continue
        assert not action.help[0].isupper()
        assert not action.help.endswith(".")
        assert action.nargs == 0 or action.type is not None, action.option_strings
        if action.default is None and not action.required and "default" in action.help:
            assert "(default: " in action.help


MEANINGS = {"json": "write the result here, as JSON", "plot": "draw the result, as FILE.png and FILE.svg", "page": "write the page here"}


@pytest.mark.parametrize("name", COMMANDS)
def test_one_flag_has_one_meaning(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for action in parser_of(COMMANDS[name], monkeypatch)._actions:
        if action.dest in MEANINGS:
            assert (action.help or "").startswith(MEANINGS[action.dest])
        if action.dest in ("limit", "rounds", "runs", "queries", "batch"):
            assert getattr(action.type, "__name__", "") == "count"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("compare", ["one", "--rounds", "0"]),
        ("tradeoff", ["--data", "x", "--runs", "0"]),
        ("tradeoff", ["--data", "x", "--limit", "-1"]),
        ("pipeline", ["clip.mp4", "--limit", "many"]),
        ("roofline", ["--rounds", "1.5"]),
        ("ladder", ["--round-seconds", "0"]),
        ("shapes", ["--precision", "int8"]),
        ("gpu", ["--runs", "0"]),
        ("against_benchmark_app", ["--runs", ""]),
        ("latency", ["--cold-starts", "-1"]),
    ],
)
def test_nonsense_is_refused_in_one_line(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(COMMANDS[name]).main(words)
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith(f"python -m benchmarks.{name}: argument {words[-2]}")
    assert message.count("\n") == 1


def test_names_of_before_still_work() -> None:
    """Scripts use them."""
    assert import_module("benchmarks.report.command").parse(["--out", "page.html"]).page.name == "page.html"
    assert import_module("benchmarks.gpu").parse(["--out", "gpu.json"]).json.name == "gpu.json"
    assert import_module("benchmarks.latency.command").parse(["--clip", "a.mp4"]).source.name == "a.mp4"
    assert import_module("benchmarks.compare.command").parse(["a", "b", "--frames", "9"]).limit == 9
