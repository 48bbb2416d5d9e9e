"""Sink: the interface behind which every kind of output stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lanes.frame import Frame


@dataclass(slots=True)
class Result:
    """All that is known of one frame when it reaches the outputs.

    Attributes:
        frame: the frame. Where an overlay was asked for, it has been drawn into `frame.pixels` by now.
        mask: (H, W) uint8, 0 or 255, lane paint at the frame's size; valid only during `Sink.write`.
        record: the frame's entry for `--records`, ready to be serialised.
    """

    frame: Frame
    mask: NDArray[np.uint8]
    record: dict[str, Any] = field(default_factory=dict)


class Sink(ABC):
    """Takes results in order. Nothing lies under the output's own name until it is complete, or is playable as far as it goes.

    Construction raises `RequestError` when the output cannot be written at all (exists, no such folder, not writable).
    `write` raises `RunError` when it fails under way, as on a full disk.
    """

    @abstractmethod
    def write(self, result: Result) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finish what was written and give it its name. Safe to call twice, and after a failed `write`: what is good is kept."""

    def discard(self) -> None:
        """End without leaving anything behind: for a request refused before the first frame."""
        self.close()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
