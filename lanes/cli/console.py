"""What a person at a terminal sees of a run besides messages: the progress bar and the latency table. All of it goes to stderr.

Names come from outside, so nothing here is read as markup: a file may be called `[/front].mp4`.
"""

from __future__ import annotations

from dataclasses import asdict
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lanes.cli.streams import printable
from lanes.results import FrameResult
from lanes.settings import Settings
from lanes.telemetry.percentiles import shown
from lanes.telemetry.report import Report
from lanes.telemetry.stages import CONTENT
from lanes.telemetry.telemetry import Figures


def plain_console(*, stderr: bool = False, quiet: bool = False, width: int | None = None) -> Console:
    """A console that shows text as it is. What is to be styled is styled by arguments (`style="bold"`), not within the text."""
    return Console(stderr=stderr, quiet=quiet, width=width, markup=False, emoji=False, highlight=False)


def make_console(settings: Settings) -> Console:
    """The console of a run: silent with `quiet`, and where messages are for programs."""
    return plain_console(stderr=True, quiet=settings.quiet or settings.log_format == "json")


class ProgressBar:
    """Frames done, frames a second and time left; silent where stderr is no terminal."""

    def __init__(self, console: Console, name: str, frames: int | None, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[fps]:.1f} fps"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not shown or console.quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task(printable(name), total=frames, fps=0.0)

    def advance(self, result: FrameResult, fps: float | None) -> None:
        """One more frame is written; `fps` is the throughput of the last second or so."""
        self._progress.update(self._task, advance=1 + result.frame.dropped_before, fps=fps or 0.0)

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()


def latency_table(figures: Figures) -> Table:
    """A run's percentiles as a table of at most 80 columns; a dash where there are too few frames for a percentile."""
    table = Table(title="latency per frame, milliseconds", title_justify="left", box=None, padding=(0, 1), pad_edge=False)
    table.add_column("stage")
    for column in ("p50", "p90", "p99", "max"):
        table.add_column(column, justify="right")
    table.add_column("what is inside", style="dim")
    rows = [(str(stage), summary, CONTENT[stage]) for stage, summary in figures.stages.items()]
    rows.append(("end to end", figures.end_to_end, "in memory to drawn, queues included"))
    if figures.frame_age is not None:
        rows.append(("frame age", figures.frame_age, "arrived or due, to drawn"))
    for name, summary, content in rows:
        columns = [shown(asdict(summary), column) for column in ("p50", "p90", "p99", "max")]
        table.add_row(name, *columns, content, style="bold" if name == "end to end" else "")
    return table


def counted(frames: int) -> str:
    """`1 frame`, `2 frames`."""
    return f"{frames} frame{'s' if frames != 1 else ''}"


def summary_line(report: Report) -> str:
    """One sentence over the whole run."""
    frames, engine = report.figures.frames, report.engine
    losses = {"dropped": sum(frames.dropped.values()), "corrupt": frames.corrupt, "suspect": frames.suspect}
    count = ", ".join([counted(frames.processed), *(f"{number} {kind}" for kind, number in losses.items() if number)])
    return f"{count}; {report.figures.throughput_fps:.1f} fps with {engine.model} on {engine.name} {engine.precision} ({engine.device})"
