"""The page of a run under measurement: how old its picture is, and what viewers cost the run."""
