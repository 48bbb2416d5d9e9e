"""Every option of every program has a help text in the one style, a type, and a default that `--help` shows."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from lanes.cli.arguments import Parser
from lanes.cli.flags import make_parser

ROOT = Path(__file__).resolve().parents[2]

PROGRAMS = [
    *("lanes.train", "lanes.train.pseudo_label", "lanes.train.from_model_file", "lanes.train.average", "lanes.train.ensemble"),
    *("lanes.train.decompose", "lanes.train.distil"),
    *(
        "lanes.evaluate.markings",
        "lanes.train.ladder",
        "lanes.models",
        "lanes.output.finish",
        "lanes.archive",
        "lanes.archive.page",
        "benchmarks.archive",
    ),
    *("lanes.evaluate", "lanes.cross_validate", "lanes.flicker", "lanes.data", "lanes.renderer.clip", "lanes.cli.docs"),
    *("engines.export", "engines.build", "engines.cache", "engines.doctor", "calibration.int8", "calibration.camera"),
    *("benchmarks.pipeline", "benchmarks.latency", "benchmarks.compare", "benchmarks.tradeoff", "benchmarks.roofline", "benchmarks.shapes"),
    *(
        "benchmarks.report",
        "benchmarks.gpu",
        "benchmarks.against_benchmark_app",
        "benchmarks.ladder",
        "benchmarks.lanes",
        "benchmarks.soak",
        "benchmarks.faults",
        "benchmarks.page",
    ),
]
"""What is run by `python -m`."""


META = (argparse._HelpAction, argparse._VersionAction)


@pytest.fixture(autouse=True)
def _one_long_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")


class Built(Exception):
    """A program has made its parser, and is about to read its command line."""


def parser_of(program: str, monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser of a program, which is run until it reads its command line."""
    built: list[argparse.ArgumentParser] = []

    def stop(self: argparse.ArgumentParser, *_: object) -> None:
        built.append(self)
        raise Built

    monkeypatch.setattr(sys, "argv", [program])
    spec = find_spec(program)
    # A package stays as it is: imported again, it would be without the modules that other tests have imported from it.
    module = f"{program}.__main__" if spec is not None and spec.submodule_search_locations else program
    monkeypatch.delitem(sys.modules, module, raising=False)
    for method in ("parse_args", "parse_known_args"):
        monkeypatch.setattr(argparse.ArgumentParser, method, stop)
    with pytest.raises(Built):
        runpy.run_module(program, run_name="__main__", alter_sys=False)
    return built[0]


def faults(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What the options of a program, and of its subcommands, lack."""
    shown = " ".join(parser.format_help().split())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subcommand in action.choices.values():
                yield from faults(subcommand)
        elif not isinstance(action, META) and action.help != argparse.SUPPRESS:
            name = "/".join(action.option_strings) or action.dest
            yield from (f"{name} {fault}" for fault in faults_of(action, shown))


def faults_of(action: argparse.Action, shown: str) -> Iterator[str]:
    """What an option lacks. `shown`: the program's `--help`."""
    text = (action.help or "").strip()
    if not text:
        yield "has no help"
    elif text.endswith(".") or (text[0].isupper() and text[1:2].islower()):
        yield f"has a help that does not begin in lower case, or ends with a full stop: {text!r}"
    if action.nargs != 0 and action.type is None and action.choices is None:
        yield "has no type"
    if action.default in (None, False, argparse.SUPPRESS, [], ()):
        return
    if "default" in text:
        yield f"writes down its default, which the parser shows: {text!r}"
    elif action.option_strings and f"(default: {action.default})" not in shown:
        yield f"has a default that is not shown, {action.default!r}"


def test_the_options_of_the_product() -> None:
    assert list(faults(make_parser())) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_options_of(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if program.startswith(("lanes.train", "lanes.cross_validate", "engines.export")) and not find_spec("torch"):
        pytest.skip("torch is not installed: pip install 'lanestream[train]'")
    parser = parser_of(program, monkeypatch)
    found = list(faults(parser))
    if not isinstance(parser, Parser):
        found.insert(0, "is not made by lanes.cli.arguments.Parser")
    assert found == []
    assert parser.prog == f"python -m {program}"
