"""Every setting, documented at its field, and how file, environment and flags are merged."""

from ingestd.settings.load import SECRETS, Source, default_data_dir, flag_name, keys, load
from ingestd.settings.model import (
    Auth,
    Data,
    Database,
    Encoder,
    Hls,
    Http,
    Ingest,
    Nginx,
    Rtmp,
    Rung,
    Settings,
)
from ingestd.settings.webrtc import WebRtc

__all__ = [
    "SECRETS",
    "Auth",
    "Data",
    "Database",
    "Encoder",
    "Hls",
    "Http",
    "Ingest",
    "Nginx",
    "Rtmp",
    "Rung",
    "Settings",
    "Source",
    "WebRtc",
    "default_data_dir",
    "flag_name",
    "keys",
    "load",
]
