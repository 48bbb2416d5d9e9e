"""Sources of frames: one file a kind, behind `Source`."""

from lanes.capture.open import open_source, open_sources
from lanes.capture.source import Colour, Source, SourceInfo

__all__ = ["Colour", "Source", "SourceInfo", "open_source", "open_sources"]
