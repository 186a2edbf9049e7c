"""Container splitting: bytes of a recording in, init segment and units out. Pure."""
