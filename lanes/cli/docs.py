"""Writes docs/settings.md from the table of settings, and docs/api.md from the docstrings of what `lanes` exports."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import lanes
from lanes.cli.arguments import Parser
from lanes.errors import exit_status
from lanes.files import write_atomically
from lanes.settings import Settings
from lanes.settings.kinds import FLAG
from lanes.settings.table import Setting, table

SETTINGS_HEAD = """# Settings

`python -m lanes.cli.docs` writes this page from `lanes/settings/table.py`.

A setting of `run_video.py`, which installed is `lanestream`, can be given in four ways under one name:

| | `--log-format json` is | a switch such as `--live` is |
|---|---|---|
| on the command line | `--log-format json` | `--live`, taken back by `--no-live` (`--no-progress` by `--progress`) |
| in the environment | `LANESTREAM_LOG_FORMAT=json` | `LANESTREAM_LIVE=1`, taken back by `0` |
| in a TOML file, named by `--config` or `LANESTREAM_CONFIG` | `log_format = "json"` | `live = true` |
| in Python, as an argument of `lanes.process` | `log_format="json"` | `live=True` |

The command line goes before the environment, the environment before the file. In Python the environment is not read, and arguments go
before the file. Paths are taken from the current folder, in a file too.

A file's unknown key is refused. An unknown variable that begins with `LANESTREAM_` is warned of, and the run begins: an environment is
shared. Kubernetes and Docker set some for a service of this name (`LANESTREAM_PORT_...`, `LANESTREAM_SERVICE_...`), which are passed over.
`LANESTREAM_TOKEN` ([page.md](page.md)) and `LANESTREAM_CACHE` ([tensorrt.md](tensorrt.md)) are read from the environment alone.

A file looks like this:

```toml
source = "rtsp://camera.local/stream"
output = "none"
records = "records.jsonl"
threshold = 0.4
```
"""

API_HEAD = """# Python

`python -m lanes.cli.docs` writes this page from the docstrings. Everything here is imported from `lanes`, by its name, and only when it is
used. Other modules can be imported too, but may change from version to version.
"""

_SECTION = re.compile(r"(Args|Attributes|Returns|Yields|Raises):$")


def settings_page() -> str:
    """docs/settings.md."""
    parts = [SETTINGS_HEAD]
    for group in dict.fromkeys(setting.group for setting in table().values()):
        rows = [_row(setting) for setting in table().values() if setting.group == group]
        parts.append("\n".join([f"## {group.capitalize()}\n", "| flag | value | default | meaning |", "|---|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _row(setting: Setting) -> str:
    if setting.kind is FLAG:
        value, default = "", "on" if setting.default else ""
    elif setting.default is None:
        value, default = setting.kind.words, setting.otherwise
    else:
        value, default = setting.kind.words, f"`{setting.default}`"
    meaning = setting.help.replace(": {choices}", "")  # the kind lists them
    return f"| `{setting.flag}` | {value} | {default} | {meaning} |".replace("<", "&lt;")


def api_page() -> str:
    """docs/api.md."""
    return "\n".join([API_HEAD, *(_entry(name) for name in sorted(lanes.__all__, key=_order))]) + "\n"


def _order(name: str) -> tuple[int, str]:
    """Functions first, then classes, then the rest."""
    thing = getattr(lanes, name)
    return (0 if inspect.isfunction(thing) else 1 if inspect.isclass(thing) else 2), name.casefold()


def _entry(name: str) -> str:
    thing = getattr(lanes, name)
    if inspect.isfunction(thing):
        return f"## {name}\n\n```python\n{_signature(name, thing)}\n```\n\n{_markdown(inspect.getdoc(thing))}"
    if not inspect.isclass(thing):
        return f"## {name}\n\n{_alias_docstring(name)}\n"
    if issubclass(thing, Exception):
        return f"## {name}\n\nAn exception. {_markdown(inspect.getdoc(thing))}"
    shown = f"class {name}" if thing is Settings else _signature(f"class {name}", thing)  # the page of settings lists them
    parts = [f"## {name}\n\n```python\n{shown}\n```\n\n{_markdown(inspect.getdoc(thing))}"]
    for member, value in vars(thing).items():
        if (member.startswith("_") and member != "__call__") or not (isinstance(value, property) or inspect.isfunction(value)):
            continue
        title = f"{name}.{member}" if isinstance(value, property) else _signature(f"{name}.{member}".removesuffix(".__call__"), value)
        parts.append(f"### `{title}`\n\n{_markdown(inspect.getdoc(value))}")
    return "\n".join(parts)


def _signature(name: str, thing: Any) -> str:
    """As it is written in the source; one argument a line where it is long. `self` is left out."""
    signature = inspect.signature(thing)
    arguments: list[str] = []
    for argument in signature.parameters.values():
        if argument.name == "self":
            continue
        if argument.kind is argument.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        text = str(argument).partition(":")[0].partition("=")[0].strip()  # with its stars
        text += "" if argument.annotation is argument.empty else f": {argument.annotation}"
        arguments.append(text if argument.default is argument.empty else f"{text} = {argument.default!r}")
    implicit = inspect.isclass(thing) or signature.return_annotation in (signature.empty, "None")
    returned = "" if implicit else f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(arguments)}){returned}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), f"){returned}"])


def _markdown(docstring: str | None) -> str:
    """A docstring with its sections as lists."""
    lines: list[str] = []
    in_section = False
    for line in (docstring or "").splitlines():
        if heading := _SECTION.match(line):
            in_section = True
            lines += [f"**{heading[1]}**", ""]
        elif not in_section or not line.startswith(" "):
            in_section = in_section and not line.strip()
            lines.append(line)
        elif line.startswith("     "):  # goes on with the entry above
            lines[-1] += " " + line.strip()
        else:
            name, colon, text = line.strip().partition(": ")
            lines.append(f"- `{name}`: {text}" if colon and re.fullmatch(r"[\w, *]+", name) else f"- {line.strip()}")
    return "\n".join(lines).replace("docs/settings.md", "[settings.md](settings.md)") + "\n"


def _alias_docstring(name: str) -> str:
    """The string below an alias of a type, which exists only in the source."""
    if name == "__version__":
        return "The version of the package, as `lanestream --version` prints it; `0+unknown` where it is not installed."
    module = import_module(lanes._MODULES[name])
    body = ast.parse(inspect.getsource(module)).body
    for statement, following in pairwise(body):
        target = statement.target if isinstance(statement, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == name and isinstance(following, ast.Expr):
            return str(ast.literal_eval(following.value))
    raise LookupError(f"{name} has no docstring")


def pages() -> Iterator[tuple[str, str]]:
    """Name and content of each page that is written."""
    yield "settings.md", settings_page()
    yield "api.md", api_page()


def make_parser() -> Parser:
    """The command line."""
    parser = Parser("python -m lanes.cli.docs", __doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"), metavar="DIR", help="folder of the pages")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    folder: Path = make_parser().parse_args(arguments).out

    def write() -> None:
        for name, content in pages():
            write_atomically(folder / name, content)

    return exit_status("lanes.cli.docs", write)


if __name__ == "__main__":
    sys.exit(main())
