"""nginx with nginx-rtmp: its configuration, and its process under ``ingestd up``."""
