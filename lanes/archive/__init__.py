"""Archives: thousands of recorded drives to tables of frames, lanes and departures, on one machine or many."""
