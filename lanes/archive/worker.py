"""Worker: holds an engine, and turns one drive after the other into its commit. Frames never leave it."""

from __future__ import annotations

import hashlib
import os
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from time import monotonic

import cv2

from engines.engine import Engine
from engines.probe import has_driver
from engines.registry import open_engine
from lanes.archive.commit import DriveWriter, name_of
from lanes.archive.compact import manifest_ids, write_part
from lanes.archive.drive import Drive, drive_id
from lanes.archive.folder import QUARANTINE, quarantine_key
from lanes.archive.observers import Observer, make_observers
from lanes.archive.recording import Recording, open_recording
from lanes.archive.rows import DriveRows, Row
from lanes.archive.scratch import scratch, sweep
from lanes.archive.serial import LARGEST_BATCH, SerialPipeline
from lanes.archive.store import cannot_write, is_full, open_store
from lanes.archive.work import DriveTask, PartTask, Result, Task, WorkerSettings
from lanes.capture.address import scheme_of
from lanes.capture.select import Selected
from lanes.capture.source import Source
from lanes.errors import InputError, OutputError, ProcessingError
from lanes.files import shortened
from lanes.geometry.estimator import LaneEstimator, PerFrameEstimator
from lanes.segment.band_choice import parse_band
from lanes.tracking.estimator import TrackingEstimator

STUCK_S = 300.0
"""Seconds within one frame after which the worker ends itself: some damaged file has its decoder turn in circles."""

EXIT_STUCK = 75
"""Exit status of a worker that has done that."""


class Worker:
    """See above.

    Args:
        settings: how drives are processed, and where the results go.

    Attributes:
        facts: the settings as they turned out here, for the archive's own record.

    Raises:
        InputError: the model or the store cannot be used.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        sweep()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        cv2.setNumThreads(settings.threads)
        self._settings = settings
        self._store = open_store(settings.out)
        self._known = manifest_ids(self._store)
        asked = settings.settings
        engine = open_for_archive(asked.engine, asked.precision, asked.model, settings.threads)
        threshold = None if asked.threshold is None else round(255 * asked.threshold)
        self._pipeline = SerialPipeline(engine, parse_band(asked.band), threshold)
        self.facts = self._facts(engine)
        self._watch = Watch()

    def run(self, task: Task) -> Result:
        """Does a task. What fails about it is said in the result; only a failure of the worker itself is raised."""
        try:
            with scratch() as folder, self._watch:
                if isinstance(task, PartTask):
                    write_part(self._store, task, folder)
                    return Result("done")
                return self._process(task, folder)
        except OutputError as error:
            return Result("output failed", cause=str(error))
        except OSError as error:
            return Result("output failed", cause=cannot_write("the system's folder for temporary files", error))

    def close(self) -> None:
        """Releases the engine."""
        self._pipeline.close()

    def _process(self, task: DriveTask, folder: Path) -> Result:
        drive, found = task.drive, None
        try:
            paths = self._fetch(drive, folder)
            found = drive_id(paths)
            if found in self._known or self._store.exists(name_of(found)):
                return Result("known", found)
            if not task.retried and self._store.exists(f"{QUARANTINE}/{quarantine_key(found, drive.key)}.json"):
                return Result("quarantined", found)
            return self._commit(drive, found, paths, folder)
        except OutputError:
            raise
        except (InputError, ProcessingError) as error:
            return Result("failed", found, _without(str(error), drive, folder))
        except OSError as error:
            if is_full(error):
                raise OutputError(cannot_write(str(folder), error)) from None
            return Result("failed", found, f"cannot be read ({error.strerror or error})")
        except Exception as error:  # a file can be broken in ways that no library foresaw, and the others are to be processed
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            return Result("failed", found, " ".join(what.split()))

    def _commit(self, drive: Drive, found: str, paths: Sequence[Path], folder: Path) -> Result:
        recording = open_recording(paths, [file.name for file in drive.files], self._settings.threads)
        left = folder / "files"
        try:
            left.mkdir()
            with ExitStack() as stack:
                writer = stack.enter_context(DriveWriter(folder))
                source = stack.enter_context(self._selected(recording.source))
                if self._settings.camera is not None:
                    self._settings.camera.for_size(source.info.width, source.info.height)
                row = self._write_rows(DriveRows(found, recording), writer, source, recording, left, drive)
                commit = writer.finish(row)
        except OSError as error:  # what is written meanwhile is here alone
            raise OutputError(cannot_write(str(folder), error)) from None
        for path in sorted(left.rglob("*")):
            if path.is_file():
                self._store.write(f"drives/{found}/{path.relative_to(left).as_posix()}", path)
        outcome: Result = Result("done", found, seconds=row["duration_s"], frames=row["frames"])
        return outcome if self._store.create(name_of(found), commit) else Result("known", found)

    def _write_rows(self, rows: DriveRows, writer: DriveWriter, source: Source, recording: Recording, left: Path, drive: Drive) -> Row:
        with ExitStack() as stack:
            observers: list[Observer] = make_observers(self._settings.wanted, recording, left)
            for observer in observers:
                stack.callback(observer.close)
            for result in self._pipeline.results(source, self._estimator(recording)):
                self._watch.alive()
                frame, lanes = rows.add(result)
                writer.add("frames", [frame])
                writer.add("lanes", lanes)
                for observer in observers:
                    observer.see(result)
            row = rows.finish(drive.files[0].name, drive.key, drive.size)
            if not row["frames"]:
                raise InputError("there is not one frame in the part of it that was asked for")
            writer.add("departures", rows.departures)
            writer.add("tracks", rows.tracks())
            for observer in observers:
                observer.finish(row)
        return row

    def _estimator(self, recording: Recording) -> LaneEstimator:
        settings = self._settings.settings
        if settings.no_track:
            return PerFrameEstimator()
        return TrackingEstimator(self._settings.camera, settings.height, recording.vehicle)

    def _selected(self, source: Source) -> Source:
        settings = self._settings.settings
        if settings.start is None and settings.end is None and settings.every == 1 and settings.limit is None:
            return source
        return Selected(source, start=settings.start or Fraction(0), end=settings.end, every=settings.every, limit=settings.limit)

    @staticmethod
    def _fetch(drive: Drive, folder: Path) -> list[Path]:
        """The drive's files on this machine: those of an object store are copied."""
        paths = []
        for index, file in enumerate(drive.files):
            if scheme_of(file.path):
                from lanes.archive.objects import fetch

                path = folder / f"{index:04d}" / shortened(file.name, 200)
                path.parent.mkdir()
                fetch(file.path, path)
                paths.append(path)
            else:
                paths.append(Path(file.path))
        return paths

    def _facts(self, engine: Engine) -> Mapping[str, object]:
        from lanes import __version__

        asked = self._settings.settings
        camera = self._settings.camera
        return {
            "lanestream": __version__,
            "model": engine.model.metadata.name,
            "model_sha256": engine.model.sha256,
            "engine": engine.name,
            "precision": engine.precision,
            "threshold": asked.threshold,
            "band": asked.band,
            "camera": None if camera is None else f"{camera.camera_name} {hashlib.sha256(repr(camera).encode()).hexdigest()[:16]}",
            "height": asked.height,
            "no_track": asked.no_track,
            "start": None if asked.start is None else str(asked.start),
            "end": None if asked.end is None else str(asked.end),
            "every": asked.every,
            "limit": asked.limit,
        }


def open_for_archive(engine: str, precision: str, model: str, threads: int) -> Engine:
    """The engine, with batches of several frames where it is one on a GPU, which one frame does not fill. Raises as `open_engine` does."""
    if has_driver():
        with suppress(InputError):  # as of a file that is fixed to one frame a call
            opened = open_engine(engine, precision, model, batch=LARGEST_BATCH, threads=threads)
            if opened.device != "CPU" and not opened.model.metadata.state:
                return opened
            opened.close()
    return open_engine(engine, precision, model, threads=threads)


class Watch:
    """Ends the process where, within the block, nothing was `alive` for `STUCK_S`: there is no other way out of a call that hangs."""

    def __init__(self) -> None:
        self._alive: float | None = None
        threading.Thread(target=self._look, name="lanestream-watch", daemon=True).start()

    def alive(self) -> None:
        """There is progress."""
        self._alive = monotonic()

    def _look(self) -> None:
        pause = threading.Event()
        while not pause.wait(min(STUCK_S / 10, 10)):
            alive = self._alive
            if alive is not None and monotonic() - alive > STUCK_S:
                os._exit(EXIT_STUCK)

    def __enter__(self) -> Watch:
        self.alive()
        return self

    def __exit__(self, *_: object) -> None:
        self._alive = None


def _without(message: str, drive: Drive, folder: Path) -> str:
    """An error's message without the file's path, which stands beside it, and without folders of this machine."""
    for file in drive.files:
        for begin in (f"{file.path}: ", f"{file.name}: "):
            message = message.removeprefix(begin)
    return message.replace(f"{folder}/", "")
