"""The overlay of a live run, encoded once for all who take it: a recording, clips of events, an address."""
