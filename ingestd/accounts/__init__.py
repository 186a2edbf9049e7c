"""People, channels, stream keys, tokens and rights: who may publish, and who may watch."""
