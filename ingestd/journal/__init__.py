"""What open broadcasts need to live on after the daemon was killed, on disk."""
