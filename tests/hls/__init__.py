"""A checker of HLS playlists against RFC 8216, for tests of what the origin writes."""
