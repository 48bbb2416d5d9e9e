"""The command line of an archive."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from engines.cores import physical_cores
from lanes.archive.drive import Drive
from lanes.archive.listener import Listener, Tally
from lanes.archive.observers import Wanted
from lanes.archive.store import open_store
from lanes.archive.work import WorkerSettings
from lanes.archive.workers import Workers
from lanes.cli.arguments import Parser, count, positive
from lanes.cli.console import plain_console
from lanes.cli.flags import add_setting
from lanes.cli.logs import messages
from lanes.cli.signals import as_interrupt
from lanes.cli.streams import printable
from lanes.errors import INTERRUPTED, InputError, exit_status
from lanes.geometry.camera_file import CameraFile
from lanes.settings import Settings
from lanes.settings.table import LANES, MODEL, table

PROGRAM = "lanes.archive"

DESCRIPTION = """Finds the lanes in thousands of recorded drives: tables of frames, lanes and departures.

Give the same command again after whatever interrupted it: it goes on where it stopped."""

SETTINGS = [name for name, setting in table().items() if setting.group in (MODEL, LANES)] + ["start", "end", "every", "limit"]
"""The settings of a run that an archive has, too."""

LINE_S = 60.0
"""Seconds between two lines about progress where stderr is no terminal."""

_log = logging.getLogger(__name__)


def make_parser() -> Parser:
    """The parser."""
    parser = Parser(f"python -m {PROGRAM}", DESCRIPTION)
    parser.add_argument(
        "sources", type=str, nargs="+", metavar="SOURCE", help="videos, folders, globs, or prefixes of an object store, s3://bucket/prefix"
    )
    parser.add_argument("--out", type=str, required=True, metavar="DIR", help="folder or prefix of an object store for the results")
    parser.add_argument("--retry", action="store_true", help="try drives in quarantine anew")
    parser.add_argument("--clips", action="store_true", help="keep a clip of each departure")
    parser.add_argument("--overlays", action="store_true", help="keep a video of each drive with the lanes drawn on it")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    workers = parser.add_argument_group("workers")
    workers.add_argument("--workers", type=count, metavar="N", help="workers; without it one a core, or on a cluster as many as fit")
    workers.add_argument("--threads", type=count, metavar="N", help="threads of each worker; without it the cores divided by the workers")
    workers.add_argument("--address", type=str, metavar="A", help="work on a Ray cluster: auto, or HOST:PORT of its head")
    workers.add_argument("--gpus", type=positive, metavar="F", help="share of a GPU that each worker takes, as 0.25")
    settings = [table()[name] for name in SETTINGS]
    groups = {group: parser.add_argument_group(group) for group in dict.fromkeys(setting.group for setting in settings)}
    for setting in settings:
        add_setting(groups[setting.group], setting, setting.default)
    return parser


def run(args: argparse.Namespace, console: Console) -> int:
    """Carries out a request, and returns the exit status.

    Raises:
        InputError: it cannot be carried out.
        ProcessingError: it failed under way; what was committed is kept.
    """
    from lanes.archive.run import Archive

    settings = Settings(output="none", **{name: getattr(args, name) for name in SETTINGS})
    camera = None if settings.camera is None else CameraFile.read(settings.camera)
    settings = Settings(output="none", **{name: getattr(args, name) for name in SETTINGS if name != "camera"})
    cores = physical_cores()
    workers = args.workers or (cores if args.address is None else None)
    threads = args.threads or (max(1, cores // workers) if workers and args.address is None else 1)
    worker = WorkerSettings(_place(args.out), settings, camera, Wanted(args.clips, args.overlays), threads)
    make: Callable[[], Workers]
    if args.address is not None:
        from lanes.archive.cluster import Cluster

        make = partial(Cluster, worker, args.address, workers, args.gpus or 0.0)
    else:
        from lanes.archive.processes import Processes

        make = partial(Processes, worker, workers or 1, args.gpus or 0.0)
    tally = Tally()
    with Bar(console, not args.no_progress) as bar:
        try:
            Archive(open_store(worker.out), make, bar, tally).run(args.sources, args.retry)
        except KeyboardInterrupt:
            _log.error("interrupted; %s; the same command goes on from here", in_words(tally))
            return INTERRUPTED
    _log.info("%s: %s", worker.out, in_words(tally))
    for cause, times in sorted(tally.causes.items(), key=lambda item: -item[1]):
        _log.warning("%d given up: %s", times, cause)
    if tally.quarantined:
        _log.warning("see %s/quarantine; --retry tries them anew", worker.out)
    return int(bool(tally.quarantined))


def _place(out: str) -> str:
    return out if "://" in out else os.path.abspath(Path(out).expanduser())  # noqa: PTH100 - links stay


def in_words(tally: Tally) -> str:
    """What a run has done."""
    parts = [f"{tally.done} drives processed ({tally.seconds / 3600:.2f} h of video)"]
    parts += [f"{tally.known} there before"] if tally.known else []
    parts += [f"{tally.quarantined} given up"] if tally.quarantined else []
    parts += [f"{tally.known_bad} in quarantine from before"] if tally.known_bad else []
    return ", ".join(parts)


class Bar(Listener):
    """Progress: drives, hours of video a second, time left, failures; a line a minute where stderr is no terminal."""

    def __init__(self, console: Console, shown: bool) -> None:
        self._shown = shown
        self._is_bar = shown and console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not self._is_bar,
        )
        self._task = self._progress.add_task("drives", total=None, words="")
        self._begun = self._said = monotonic()

    def progress(self, tally: Tally) -> None:
        words = speed(tally, monotonic() - self._begun)
        self._progress.update(self._task, completed=tally.ended, total=tally.drives, words=words)
        if self._shown and not self._is_bar and monotonic() - self._said > LINE_S:
            self._said = monotonic()
            _log.info("%d of %d drives, %s", tally.ended, tally.drives, words)

    def given_up(self, drive: Drive, cause: str) -> None:
        _log.warning("%s: given up: %s", printable(drive.name), cause)

    def writing(self, parts: int) -> None:
        self._progress.update(self._task, words=f"writing the tables, {parts} parts")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def speed(tally: Tally, elapsed_s: float) -> str:
    """How fast it goes, how long it still takes, and what failed: `0.8 drives/s, 0.040 h of video/s, 2:10:00 left, 3 given up`."""
    words = [f"{tally.done / elapsed_s:.2f} drives/s", f"{tally.seconds / 3600 / elapsed_s:.4f} h of video/s"] if elapsed_s > 0 else []
    if tally.processed and tally.size > tally.processed:
        left = round(elapsed_s * (tally.size - tally.processed) / tally.processed)
        words.append(f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left")
    if tally.quarantined:
        words.append(f"{tally.quarantined} given up")
    return ", ".join(words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    args = make_parser().parse_args(arguments)

    def work() -> int:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise InputError("archives need a library that is not installed: pip install 'lanestream[archive]'") from None
        return run(args, plain_console(stderr=True))

    with as_interrupt(), messages(PROGRAM):
        return exit_status(PROGRAM, work)
