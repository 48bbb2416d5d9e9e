"""One table of settings: flags, environment, file and Python read the same names, types and ranges, in one order of precedence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.registry import ENGINES, GPU_ENGINES, PRECISIONS
from lanes.cli.arguments import time_of_video
from lanes.cli.flags import make_parser, parse
from lanes.errors import InputError
from lanes.output.encoder import ENCODERS
from lanes.settings import Settings
from lanes.settings.layers import read_environment, read_file
from lanes.settings.table import table


def toml(folder: Path, content: str) -> Path:
    path = folder / "lanestream.toml"
    path.write_text(content)
    return path


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toml(tmp_path, 'threshold = 0.1\nlimit = 1\nmasks = "m"\nno-progress = true\nlive = true')
    monkeypatch.setenv("LANESTREAM_CONFIG", str(path))
    monkeypatch.setenv("LANESTREAM_LIMIT", "2")
    monkeypatch.setenv("LANESTREAM_THRESHOLD", "0.2")
    monkeypatch.setenv("LANESTREAM_LIVE", "no")
    settings = parse(["--threshold", "0.3"])
    assert settings == Settings(config=path, threshold=0.3, limit=2, masks=Path("m"), no_progress=True)


@pytest.mark.parametrize("setting", [setting for setting in table().values() if isinstance(setting.default, bool)], ids=lambda s: s.name)
def test_a_switch_that_the_environment_sets_can_be_taken_back(setting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting.variable, "1")
    assert getattr(parse([]), setting.name) is True
    assert getattr(parse([setting.opposite]), setting.name) is False


VALUES: dict[str, Any] = {
    "source": "drive.mp4",
    "live": True,
    "reconnect": False,
    "watchdog": 5,
    "start": Fraction(1),
    "end": Fraction(5, 2),
    "every": 2,
    "limit": 3,
    "output": "o.mp4",
    "segment_time": Fraction(60),
    "segment_size": 500_000_000,
    "keep_size": 64_000_000_000,
    "events": Path("e"),
    "masks": Path("m"),
    "records": Path("r"),
    "tusimple": Path("t.json"),
    "culane": Path("c"),
    "mcap": Path("d.mcap"),
    "report": Path("j"),
    "serve": "127.0.0.1:8080",
    "show": True,
    "encoder": "libx264",
    "birds_eye": True,
    "overwrite": True,
    "model": "unet-large",
    "engine": "onnx",
    "precision": "fp32",
    "threshold": 0.25,
    "camera": Path("camera.yaml"),
    "height": 1.35,
    "no_track": True,
    "band": "0.4:0.9",
    "log_format": "json",
    "no_progress": True,
    "quiet": True,
}


def test_every_setting_can_be_given_in_each_of_the_four_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Settings(**VALUES)
    assert set(VALUES) | {"config"} == set(table()), "a new setting needs a value here"
    words, lines = [], []
    for name, value in VALUES.items():
        flag = table()[name].flag
        text = str(float(value)) if isinstance(value, Fraction) else str(value)
        words += [flag] if value is True else [table()[name].opposite] if value is False else [flag, text]
        lines.append(
            f"{name} = {text.lower() if isinstance(value, bool) else text if isinstance(value, int | float | Fraction) else repr(text)}"
        )
    assert parse(words) == wanted
    assert Settings(**read_file(toml(tmp_path, "\n".join(lines)))) == wanted
    for name, value in VALUES.items():
        monkeypatch.setenv(table()[name].variable, str(value))
    assert parse([]) == wanted


WRONG_FILES = {
    "a key that is none": ("treshold = 0.4", "treshold: no setting is called that; did you mean threshold?"),
    "a key that is like none": ("zebra = 1", "zebra: no setting is called that; there are source, "),
    "text for a number": ('limit = "3"', "limit: '3' is not a whole number from 1 up"),
    "a number for a switch": ("live = 1", "live: 1 is not true or false"),
    "a switch for a number": ("threshold = true", "threshold: True is not a number from 0 to 1"),
    "out of range": ("threshold = 1.5", "threshold: 1.5 is not a probability"),
    "a height in centimetres": ("height = 135", "height: 135 is not a height in metres from 0.1 to 10"),
    "none of the choices": ('engine = "warp"', "engine: 'warp' is not one of auto, tensorrt, openvino, onnx, torch"),
    "no time": ('start = "1:99"', "start: '1:99' is not a time: give seconds or [HH:]MM:SS[.s]"),
    "a table": ("[output]\nmasks = 'm'", "output: {'masks': 'm'} is not the name of a file or folder to write, an address, or none"),
    "another file": ('config = "b.toml"', "config: a file cannot name another one"),
    "no TOML": ("threshold 0.4", "is not TOML"),
    "brackets without end": ("source = " + "[" * 5000, "its brackets are nested too deeply"),
    "a zero byte": (r'source = "a\u0000b"', "source: 'a\\x00b' is not a file, a folder, a glob, a camera or an address"),
    "a video": ("#" * 1_000_001, "is larger than 1,000,000 bytes; give a TOML file of settings"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_refused_in_one_line_that_names_file_and_key(name: str, tmp_path: Path) -> None:
    content, message = WRONG_FILES[name]
    path = toml(tmp_path, content)
    with pytest.raises(InputError) as refused:
        read_file(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "size"), [("500M", 5 * 10**8), ("64G", 64 * 10**9), ("1.5 GB", 15 * 10**8), ("2k", 2000), ("7", 7), ("1t", 10**12)]
)
def test_a_size_has_a_unit_of_1000(text: str, size: int) -> None:
    assert Settings(segment_size=text).segment_size == size  # type: ignore[arg-type]
    for wrong in ("0", "-1", "1.5X", "much", "", "1e9"):
        with pytest.raises(InputError, match=r"segment_size: '.*' is not a size"):
            Settings(segment_size=wrong)  # type: ignore[arg-type]


def test_of_an_address_that_is_refused_only_its_scheme_is_shown() -> None:
    assert Settings(output="rtmp://user:hunter2@host/app/key").output == "rtmp://user:hunter2@host/app/key"
    refusals = {
        "ftp://user:hunter2@host/o.mp4": "ftp:// cannot be written to: give the name of a file or folder",
        "rtmp://": "rtmp:// alone is no address",
        "udp://user:hunter2@host": "an address with udp:// needs a port",
        "srt://user:hunter2@host:0x1": "an address with srt:// needs a port",
    }
    for refused, why in refusals.items():
        with pytest.raises(InputError, match=f"output: {why}") as caught:
            Settings(output=refused)
        assert "hunter2" not in str(caught.value)


def test_a_file_may_come_from_any_editor(tmp_path: Path) -> None:
    (tmp_path / "windows.toml").write_bytes(b"\xef\xbb\xbfthreshold = 0.25\r\nlimit = 3\r\n")
    assert read_file(tmp_path / "windows.toml") == {"threshold": 0.25, "limit": 3}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.toml: cannot be read \(No such file or directory\)"):
        read_file(tmp_path / "none.toml")


def test_values_that_do_not_go_together_are_refused_where_they_stand(tmp_path: Path) -> None:
    path = toml(tmp_path, "start = 2\nend = 1")
    with pytest.raises(InputError) as refused:
        parse(["--config", str(path)])
    assert str(refused.value).startswith(f"{path}: end: 1 s is not after the start, 2 s")
    with pytest.raises(InputError, match=r"^--end: 1 s is not after"):
        parse(["--config", str(path), "--end", "1"])


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(InputError, match="LANESTREAM_QUIET: 'maybe' is neither true nor false"):
        read_environment({"LANESTREAM_QUIET": "maybe"})


def test_variables_of_others_are_left_alone_and_a_slip_gives_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    kubernetes = {
        "LANESTREAM_PORT": "tcp://10.0.0.1:80",
        "LANESTREAM_PORT_80_TCP": "tcp://10.0.0.1:80",
        "LANESTREAM_SERVICE_HOST": "10.0.0.1",
        "LANESTREAM_CACHE": "/c",
    }
    assert read_environment({**kubernetes, "LANESTREAM_MASKS": ""}) == {}
    assert not caplog.messages
    read_environment({"LANESTREAM_TRESHOLD": "0.4"})
    read_environment({"LANESTREAM_WEATHER": "wet", "LANESTREAM_TOKEN": "rosebud", "LANESTREAM_SERVICE_PORT_HTTP": "80"})
    assert caplog.messages == [
        "LANESTREAM_TRESHOLD: no setting is called that; did you mean LANESTREAM_THRESHOLD?",
        "LANESTREAM_WEATHER: no setting is called that; it changes nothing",
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"threshold": 2}, "threshold: 2 is not a probability"),
        ({"limit": 0}, "limit: '0' is not a whole number from 1"),
        ({"model": None}, "model: None is not text"),
        ({"output": "http://example/o.mp4"}, "output: http:// cannot be written to"),
        ({"start": 3, "end": 3}, "end: 3 s is not after the start, 3 s"),
        ({"start": -1}, "start: '-1' is not a time"),
        ({"source": "a\0b"}, "source: 'a\\\\x00b' is not a file"),
        ({"masks": Path("\ud800")}, "masks: .* is not the name of a file"),
        ({"config": ""}, "config: '' is not the name of a file"),
    ],
)
def test_python_values_are_checked_alike(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        Settings(**values)


def test_what_python_gives_becomes_the_attributes_own_type() -> None:
    settings = Settings(source=0, masks="m", output=Path("o.mp4"), start=0.1, end="0:01:02.5", threshold=1)  # type: ignore[arg-type]
    assert (settings.source, settings.masks, settings.output) == ("0", Path("m"), "o.mp4")
    assert (settings.start, settings.end) == (Fraction(1, 10), Fraction(125, 2))
    assert isinstance(settings.threshold, float)


@given(st.integers(0, 99), st.integers(0, 59), st.decimals(0, 59, places=3))
def test_a_time_is_exact_however_it_is_written(hours: int, minutes: int, seconds: Any) -> None:
    wanted = 3600 * hours + 60 * minutes + Fraction(seconds)
    assert time_of_video(f"{hours}:{minutes:02d}:{seconds}") == wanted
    assert time_of_video(f"{60 * hours + minutes}:{seconds}") == wanted
    assert time_of_video(str(3600 * hours + 60 * minutes + seconds)) == wanted


@pytest.mark.parametrize("text", ["", "x", "-1", "1:60", "1:-1", "1:2:3:4", "1:60:00", "::", "1:", "1/0", "nan", "inf", "1.5:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is not a time"):
        time_of_video(text)


def test_the_choices_are_those_of_the_engines_and_encoders() -> None:
    assert table()["encoder"].kind.choices == ENCODERS
    assert set(table()["engine"].kind.choices) == {"auto", "opencv", *ENGINES, *GPU_ENGINES}
    assert set(table()["precision"].kind.choices) == {"auto", *PRECISIONS}


def test_help_fits_a_terminal_and_shows_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = make_parser().format_help()
    assert max(map(len, text.splitlines())) <= 80
    for shown in ("(default: unet)", "(default: 1)", "(default: the bundled demo clip)", "outputs/<name>_lanes.mp4"):
        assert shown in " ".join(text.split())
