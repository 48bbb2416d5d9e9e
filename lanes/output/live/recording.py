"""Recording: the overlay of a live run on the disk, in one file or in segments."""

from __future__ import annotations

import logging
import random
import re
import shlex
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any

import av

from lanes.capture.backoff import Backoff
from lanes.errors import InputError, OutputError
from lanes.files import check_file, make_folder, numbered, remove_empty
from lanes.output.claim import Claim
from lanes.output.live.left_behind import SETTLE_S, Finisher, drafts_in, target_of
from lanes.output.live.part import Part
from lanes.output.live.segments import Limits, Segments
from lanes.output.live.writer import EncodedFrame, Outage, PacketWriter

_log = logging.getLogger(__name__)

MOST_BYTES, LONGEST_S = 32_000_000, 20.0
"""What may wait for a disk that is stuck; a memory card can be for seconds."""

PATIENCE_S = 20.0
_BYTES_A_SECOND = 2_000_000  # of a file that is copied at the end, by a slow memory card

_PRUNE_EVERY_S = 10


def check_recording(path: Path, limits: Limits, overwrite: bool = False, inputs: Sequence[Path] = ()) -> None:
    """Refuses what cannot be recorded as, and leaves everything as it is. Arguments as those of `Recording`. Raises InputError."""
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path}: an overlay video is an MP4; give a name that ends in .mp4")
    if limits.keep_bytes is not None and not limits.segmented:
        raise InputError("--keep-size deletes whole segments: give --segment-time or --segment-size too")
    if limits.segment_s is not None and limits.segment_s < 1:
        raise InputError("--segment-time: a segment lasts a second at least, from one key frame to the next")
    check_file(path, inputs, overwrite or limits.segmented)


class Recording(PacketWriter):
    """Records MP4 files in fragments of a fifth of a second. What a killed run leaves plays to within its last second.

    A file is made an ordinary MP4 when it ends, by another thread. A disk that is full, gone or refuses is tried again as `Backoff`
    says, in a file of its own; frames meanwhile are dropped and counted.

    Args:
        path: ends in `.mp4`. Of a segmented recording, what its files are called after (`Segments`). Missing folders are made.
        template: the encoder's stream.
        limits: of the files.
        overwrite: replace an existing file. Segments replace nothing.
        inputs: files that must not be written over.
        settle_s: see `Finisher`.
        clock: seconds, never set back.

    Raises:
        InputError: the path cannot be written, another run writes there, the name does not end in `.mp4`, or the limits make no sense.
    """

    def __init__(
        self,
        path: Path,
        template: Any,
        limits: Limits | None = None,
        overwrite: bool = False,
        inputs: Sequence[Path] = (),
        settle_s: float = SETTLE_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(str(path), MOST_BYTES, LONGEST_S, PATIENCE_S)
        self._path, self._template, self._limits, self._overwrite = path, template, limits or Limits(), overwrite
        self._clock = clock
        self._part: Part | None = None
        self._taken: set[Path] = set()  # names of parts that have something, or may have yet
        self._retry_at = 0.0
        self._backoff = Backoff(clock, random.random)
        self._outage = Outage(self.name)
        self._pruned = Fraction(0)
        self._made: list[Path] = []
        self._ended: SimpleQueue[Part | None] = SimpleQueue()
        self._finishing = threading.Thread(target=self._finish_parts, name="lanestream-finish", daemon=True)
        self._claim = Claim(path)
        try:
            check_recording(path, self._limits, overwrite, inputs)
            self._made = make_folder(path.parent)
            self._segments = Segments(path, self._limits.keep_bytes) if self._limits.segmented else None
            self._look_for_earlier(settle_s)
        except BaseException:
            remove_empty(self._made)
            self._claim.release()
            raise
        self._finishing.start()
        self.start()

    def _look_for_earlier(self, settle_s: float) -> None:
        """Segments of earlier runs that were cut off are finished; of a single file the user is told, for the name is wanted anew."""
        if self._segments is not None:
            stem, suffix = re.escape(self._path.stem), re.escape(self._path.suffix)
            Finisher(self._path.parent, rf"{stem}-\d{{6,}}-\d{{8}}T\d{{6}}Z.*{suffix}", self.closing, settle_s)
            return
        for draft in drafts_in(self._path.parent):
            if target_of(draft) == self._path:
                command = f"python -m lanes.output.finish {shlex.quote(str(draft))}"
                _log.warning("%s: was left by a run that was cut off; this makes it a whole video: %s", draft, command)

    def _write(self, frame: EncodedFrame) -> None:
        part = self._part
        if part is not None and frame.is_key and self._is_full(part, frame):
            self._put_away()
            part = None
        if part is None and (not frame.is_key or self._clock() < self._retry_at):
            self.dropped += 1
            return
        try:
            if part is None:
                self._prune(frame)
                part = self._part = Part(self._next_name(), self._template, frame.time)
                self._taken.add(part.target)
            elif frame.is_key and frame.time - self._pruned >= _PRUNE_EVERY_S:
                self._prune(frame)
            part.write(frame)
            self.patience_s = PATIENCE_S + part.size / _BYTES_A_SECOND
        except (OSError, ValueError, av.FFmpegError, OutputError, InputError) as error:
            self._fail(str(getattr(error, "strerror", None) or error))
        else:
            self._backoff.note_frame()
            self._outage.end()

    def _next_name(self) -> Path:
        make_folder(self._path.parent)  # it may have been taken away
        if self._segments is not None:
            return self._segments.next()
        free = (name for name in numbered(self._path) if not name.exists() or (name == self._path and self._overwrite))
        return next(name for name in free if name not in self._taken)

    def _is_full(self, part: Part, frame: EncodedFrame) -> bool:
        limits = self._limits
        long = limits.segment_s is not None and frame.time - part.begin >= limits.segment_s
        return long or (limits.segment_bytes is not None and part.size >= limits.segment_bytes)

    def _prune(self, frame: EncodedFrame) -> None:
        self._pruned = frame.time
        if self._segments is not None:
            self._segments.prune()

    def _fail(self, why: str) -> None:
        self.dropped += 1
        self.problem = f"{self.name}: was not recorded all the time ({why}); what was is kept and plays"
        self._outage.begin(f"cannot be written ({why})")
        self._put_away()
        self._retry_at = self._clock() + self._backoff.wait_s()

    def _put_away(self) -> None:
        if self._part is not None:
            self._part.end()
            self._ended.put(self._part)
            self._part = None

    def _end(self) -> None:
        self._put_away()
        self._ended.put(None)
        self._finishing.join()
        if self._segments is not None:
            self._segments.prune()
        remove_empty(self._made)
        self._claim.release()
        if self.dropped and self.problem is None:
            _log.warning("%s: %d frames are not in it: the disk was too slow for them", self.name, self.dropped)

    def _finish_parts(self) -> None:
        while (part := self._ended.get()) is not None:
            try:
                target = part.target
                if not part.finish(overwrite=self._overwrite and target == self._path):
                    self._taken.discard(target)
            except OutputError as error:
                self.problem = self.problem or str(error)
                _log.warning("%s", error)
