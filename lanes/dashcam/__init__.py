"""Dashcams: which recordings are one drive, and where the vehicle was and how fast, as far as the files say so."""

from lanes.dashcam.chains import Chain, Gap, Piece, find_chains, find_gaps
from lanes.dashcam.names import RecordingName, parse_name
from lanes.dashcam.read import read_track
from lanes.dashcam.track import Fix, Track

__all__ = ["Chain", "Fix", "Gap", "Piece", "RecordingName", "Track", "find_chains", "find_gaps", "parse_name", "read_track"]
