"""NewestSink: a sink that may be slow, without slowing the pipeline."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

from lanes.output.sink import Policy, Sink
from lanes.results import FrameResult

_log = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 5.0
"""How long `close` waits for a sink that is stuck, as in sending to a viewer that has gone."""


class NewestSink(Sink):
    """Gives a sink a thread of its own, which always takes the newest result; those between are counted in `dropped`.

    `write` returns at once. What the inner sink raises is raised by the next `write`, or by `close`. `close` waits until the last
    result is written, but not for ever: a sink that is stuck is left behind, and closed by its thread when it comes out.

    Args:
        inner: any sink. It is written to and closed in the thread alone.
        close_timeout_s: how long `close` waits, seconds.
    """

    policy = Policy.NEVER_BLOCK

    def __init__(self, inner: Sink, close_timeout_s: float = _CLOSE_TIMEOUT_S) -> None:
        self._inner = inner
        self._close_timeout_s = close_timeout_s
        self._newest: FrameResult | None = None
        self._closing = self._discarding = False
        self._error: BaseException | None = None
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"lanestream-{type(inner).__name__}", daemon=True)
        self._thread.start()

    def write(self, result: FrameResult) -> None:
        # The mask's memory is used again when this returns; the frame belongs to whoever holds it.
        kept = replace(result, mask=result.mask.copy())
        with self._change:
            self._raise_error()
            if not self._thread.is_alive():  # it has failed, and raised its error
                return
            self.dropped += self._newest is not None
            self._newest = kept
            self._change.notify()

    def close(self) -> None:
        self._end(discard=False)

    def discard(self) -> None:
        self._end(discard=True)

    def _end(self, discard: bool) -> None:
        with self._change:
            if not self._closing:
                self._closing, self._discarding = True, discard
            self._change.notify()
        self._thread.join(self._close_timeout_s)
        if self._thread.is_alive():
            _log.warning("%s does not take its last result; it is left behind", type(self._inner).__name__)
        with self._change:
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        try:
            while (result := self._take()) is not None:
                self._inner.write(result)
        except BaseException as error:
            self._error = error
        try:
            if self._discarding:
                self._inner.discard()
            else:
                self._inner.close()
        except BaseException as error:
            self._error = self._error or error

    def _take(self) -> FrameResult | None:
        """Waits for a result; None when there will be none."""
        with self._change:
            self._change.wait_for(lambda: self._newest is not None or self._closing)
            result, self._newest = self._newest, None
            return None if self._discarding else result
