"""What a person at a terminal sees of a run: the progress bar and the latency table. All of it goes to stderr."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lanes.results import FrameResult

STAGE_NOTES = {
    "capture": "read, decode, to BGR",
    "preprocess": "scale to the model's input",
    "inference": "the network",
    "postprocess": "mask to frame size, curves",
    "overlay": "draw",
    "output": "encode, write",
}


class OneLineHandler(logging.Handler):
    """Log records as errors are told, `PROGRAM: message`, whole and in one line; above a progress bar where there is one."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self.program = program

    def emit(self, record: logging.LogRecord) -> None:
        print(f"{self.program}: {record.getMessage()}", file=sys.stderr)


class ProgressBar:
    """Frames done, frames a second and time left; silent where stderr is no terminal."""

    def __init__(self, console: Console, name: str, frames: int | None, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[fps]:.1f} fps"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (shown and console.is_terminal),
        )
        self._task = self._progress.add_task(name, total=frames, fps=0.0)

    def advance(self, result: FrameResult, fps: float) -> None:
        """One more frame is written; `fps` is the throughput so far."""
        self._progress.update(self._task, advance=1 + result.frame.dropped_before, fps=fps)

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()


def latency_table(report: dict[str, Any]) -> Table:
    """The report's percentiles as a table of at most 80 columns."""
    table = Table(title="latency per frame, milliseconds", title_justify="left", box=None, padding=(0, 1), pad_edge=False)
    table.add_column("stage")
    for column in ("p50", "p90", "p99", "max"):
        table.add_column(column, justify="right")
    table.add_column("what is inside", style="dim")
    rows = [(stage, summary, STAGE_NOTES[stage]) for stage, summary in report["stages"].items()]
    rows.append(("end to end", report["end_to_end"], "in memory to drawn, queues included"))
    if "frame_age" in report:
        rows.append(("frame age", report["frame_age"], "due to drawn"))
    for name, summary, note in rows:
        figures = ["-" if summary[column] is None else f"{summary[column]:.1f}" for column in ("p50", "p90", "p99", "max")]
        table.add_row(name, *figures, note, style="bold" if name == "end to end" else "")
    return table


def summary_line(report: dict[str, Any]) -> str:
    """One sentence over the whole run."""
    frames, engine = report["frames"], report["engine"]
    losses = [f"{frames[kind]} {kind}" for kind in ("dropped", "corrupt") if frames[kind]]
    count = ", ".join([f"{frames['processed']} frames", *losses])
    return (
        f"{count}; {report['throughput_fps']:.1f} fps with {engine['model']} on {engine['name']} {engine['precision']} ({engine['device']})"
    )
