"""``ingestd publish``: a file sent as a browser would send its camera."""
