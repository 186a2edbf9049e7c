"""ingestd: a live-streaming origin in which the browser is a first-class encoder."""

__version__ = "0.1.0"
