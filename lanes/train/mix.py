"""In which proportions the sources of a training give its examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lanes.data.frames import LabelledFrame
from lanes.errors import InputError

SYNTHETIC = "synthetic"
"""The name under which the renderer stands among the sources of a mix."""

SYNTHETIC_SHARE = 0.28
"""Share of the training examples that the renderer gives."""


def mix_shares(sources: Mapping[str, Sequence[LabelledFrame]]) -> dict[str, float]:
    """Which share of the examples each source gives; the shares add up to 1.

    The renderer has `SYNTHETIC_SHARE`. Of the rest, a source has the `share` that its data states; what these leave is divided among the
    others by the square root of their frames: neighbouring frames of a drive teach little that is new, so a source of four times the
    frames is worth twice the examples. Where all sources state a share, the shares are taken as proportions.

    Args:
        sources: the frames to train on by source.

    Raises:
        InputError: the stated shares add up to more than 1, or leave nothing for a source that states none.
    """
    stated = {source: frames[0].share for source, frames in sources.items()}
    given = {source: share for source, share in stated.items() if share is not None}
    roots = {source: len(frames) ** 0.5 for source, frames in sources.items() if source not in given}
    total = sum(given.values())
    if total > 1 or (roots and total == 1) or not (roots or total):
        raise InputError(
            f"the shares of {', '.join(given)} add up to {total:g}: state shares of the examples that are not rendered, with a sum "
            "above 0 and of 1 at most, or below 1 where other sources state none"
        )
    real = given | {source: (1 - total) * root / sum(roots.values()) for source, root in roots.items()}
    scale = (1 - SYNTHETIC_SHARE) / sum(real.values())
    return {source: scale * real[source] for source in sources} | {SYNTHETIC: SYNTHETIC_SHARE}
