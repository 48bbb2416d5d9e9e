"""Sources of frames: one file a kind, behind `Source`."""

from lanes.capture.open import Sources, find_sources, open_source
from lanes.capture.source import Colour, Counts, FileInfo, Source, SourceInfo, Track

__all__ = ["Colour", "Counts", "FileInfo", "Source", "SourceInfo", "Sources", "Track", "find_sources", "open_source"]
