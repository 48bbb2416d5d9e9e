"""A run: the head that gives drives to workers until none is left, then has the tables written. It holds no pictures and no rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lanes.archive.commit import FOLDER, committed
from lanes.archive.compact import Compaction, manifest_ids, write_part
from lanes.archive.drive import Drive
from lanes.archive.folder import Quarantined, SeenFiles, quarantine, quarantine_key, quarantined, release, settle_settings
from lanes.archive.grouping import group
from lanes.archive.listener import Listener, Tally
from lanes.archive.listing import find_files
from lanes.archive.page import write_page
from lanes.archive.queue import Queue
from lanes.archive.scratch import scratch, sweep
from lanes.archive.store import Store
from lanes.archive.work import Died, DriveTask, Event, Finished, PartTask, Ready, Refused, Result, Task
from lanes.archive.workers import Workers
from lanes.errors import InputError, OutputError, ProcessingError

WAIT_S = 0.5
"""How long nothing has to happen for the listener to be asked again."""

SEEN_S = 30.0
"""Seconds after which it is written down which files have been read."""

DEATHS = 3
"""So many workers that die one after the other before they are ready are no accident."""

LOCK_S = 600.0
"""How long another command's writing of the tables is waited for."""


@dataclass
class Archive:
    """A run over an archive.

    Attributes:
        store: where the results go.
        make_workers: makes the workers.
        listener: is notified.
        tally: what was done so far.
    """

    store: Store
    make_workers: Callable[[], Workers]
    listener: Listener
    tally: Tally

    def run(self, sources: Sequence[str], retry: bool = False) -> None:
        """Processes all drives that are not in the archive yet, and writes its tables and its page.

        Args:
            sources: see `find_files`.
            retry: also those in quarantine.

        Raises:
            InputError: the request cannot be carried out.
            OutputError: nothing can be written any more; what was committed is kept.
            ProcessingError: no worker stays alive.
            KeyboardInterrupt: from outside; what was committed is in the tables, unless it comes a second time.
        """
        self.store.check()
        sweep()
        self.store.sweep(FOLDER)
        drives = group(find_files(sources, self.store.place))
        self._seen = SeenFiles(self.store)
        if retry:
            release(self.store)
        queue = self._queue(drives)
        interrupted: KeyboardInterrupt | None = None
        with self.make_workers() as workers:
            self._deaths = 0
            try:
                self._process(queue, workers)
            except KeyboardInterrupt as error:
                interrupted = error
            finally:
                self._seen.write()
            if interrupted is None:
                self._write_tables(workers)
        if interrupted is not None:
            self._write_tables(None)
            raise interrupted

    def _queue(self, drives: Sequence[Drive]) -> Queue:
        """The drives of which it is not known that they are done."""
        done = manifest_ids(self.store) | set(committed(self.store))
        bad = quarantined(self.store)
        todo = []
        for drive in drives:
            found = self._seen.id_of(drive)
            if found in done:
                self.tally.known += 1
            elif quarantine_key(found, drive.key) in bad:
                self.tally.known_bad += 1
            else:
                todo.append(drive)
        self.tally.drives = len(drives)
        self.tally.size = sum(drive.size for drive in todo)
        return Queue(todo)

    def _process(self, queue: Queue, workers: Workers) -> None:
        under_way = 0
        written = time.monotonic()
        while queue or under_way:
            while queue and workers.free:
                workers.submit(queue.take())
                under_way += 1
            for event in workers.wait(WAIT_S):
                under_way -= self._handle(event, queue)
            if time.monotonic() - written > SEEN_S:
                self._seen.write()
                written = time.monotonic()
            self.listener.progress(self.tally)

    def _handle(self, event: Event, queue: Queue) -> bool:
        """Takes in an event, and says whether a task has ended by it."""
        task = self._check(event)
        if not isinstance(task, DriveTask):
            return False
        if isinstance(event, Died):
            tries = queue.moved(task) if event.blameless else queue.failed(task)
            if tries is not None:
                self._give_up(task, None, event.cause, tries, queue)
        elif isinstance(event, Finished):
            self._finish(task, event.result, queue)
        return True

    def _check(self, event: Event) -> Task | None:
        """What an event says of the workers. Returns the task that it is about."""
        if isinstance(event, Ready):
            settle_settings(self.store, event.facts)
            self._deaths = 0
            return None
        if isinstance(event, Refused):
            raise InputError(event.cause)
        if isinstance(event, Died) and event.task is None and not event.blameless:
            self._deaths += 1
            if self._deaths >= DEATHS:
                raise ProcessingError(f"no worker stays alive: {event.cause}")
        if isinstance(event, Finished) and event.result.outcome == "output failed":
            raise OutputError(event.result.cause)
        return event.task

    def _finish(self, task: DriveTask, result: Result, queue: Queue) -> None:
        tally = self.tally
        if result.outcome == "failed":
            tries = queue.failed(task)
            if tries is not None:
                self._give_up(task, result.drive, result.cause, tries, queue)
            return
        tally.done += result.outcome == "done"
        tally.known += result.outcome == "known"
        tally.known_bad += result.outcome == "quarantined"
        tally.seconds += result.seconds
        tally.frames += result.frames
        self._end(task, result.drive, queue)

    def _give_up(self, task: DriveTask, drive: str | None, cause: str, tries: int, queue: Queue) -> None:
        quarantine(self.store, Quarantined(drive, task.drive.key, cause, tries))
        self.tally.quarantined += 1
        self.tally.causes[cause] = self.tally.causes.get(cause, 0) + 1
        self.listener.given_up(task.drive, cause)
        self._end(task, drive, queue)

    def _end(self, task: DriveTask, drive: str | None, queue: Queue) -> None:
        self.tally.processed += task.drive.size
        if drive is not None:
            self._seen.add(task.drive, drive)
        queue.ended(task)

    def _write_tables(self, workers: Workers | None) -> None:
        """Takes the commits into the tables: by the workers, or, without them, here."""
        deadline = time.monotonic() + LOCK_S
        while time.monotonic() < deadline:
            with self.store.lock("tables") as mine:
                if mine:
                    self._compact(workers)
                    return
            time.sleep(1.0)
        raise OutputError(f"{self.store.place}: another command has been writing its tables for {LOCK_S:.0f} s; give this one again later")

    def _compact(self, workers: Workers | None) -> None:
        compaction = Compaction(self.store)
        self.listener.writing(len(compaction.tasks))
        with scratch() as folder:
            if workers is None or len(compaction.tasks) <= 1:
                for task in compaction.tasks:
                    write_part(self.store, task, folder)
            else:
                self._write_parts(compaction.tasks, workers)
            compaction.finish(folder)
            self._seen.merge()
        write_page(self.store)

    def _write_parts(self, tasks: Sequence[PartTask], workers: Workers) -> None:
        """Has the parts written by the workers. A part whose worker has died is written once more."""
        waiting, under_way, failures = list(tasks), 0, 0
        while waiting or under_way:
            while waiting and workers.free:
                workers.submit(waiting.pop())
                under_way += 1
            for event in workers.wait(WAIT_S):
                task = self._check(event)
                if isinstance(task, PartTask):
                    under_way -= 1
                    if isinstance(event, Died):
                        failures += 1
                        if failures > len(tasks):
                            raise ProcessingError(f"the tables cannot be written: {event.cause}; what was processed is kept")
                        waiting.append(task)
            self.listener.progress(self.tally)
