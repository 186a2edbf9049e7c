"""``ingestd doctor``: what is installed, and how to mend what is missing."""
