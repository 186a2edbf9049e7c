"""Pages, API, events, health and metrics over HTTP."""
