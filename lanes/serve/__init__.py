"""The web page of a run, `--serve`: the overlay live, figures, metrics. Its libraries are imported only when it is asked for."""
