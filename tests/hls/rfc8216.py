"""RFC 8216 for tests: is a playlist, an update of one, or a pair of variants as the RFC wants it?

Every check takes the text of playlists (or their bytes) and returns a list of violations that is
empty when all is well. Neither a check nor a parser ever raises, whatever it is given.
"""

from __future__ import annotations

from tests.hls.media import check_media
from tests.hls.model import (
    MediaPlaylist,
    Multivariant,
    Rendition,
    Segment,
    Variant,
    parse_media,
    parse_multivariant,
)
from tests.hls.multivariant import check_multivariant
from tests.hls.syntax import Text, Violation
from tests.hls.updates import check_update
from tests.hls.variants import check_aligned, check_dates

__all__ = [
    "MediaPlaylist",
    "Multivariant",
    "Rendition",
    "Segment",
    "Text",
    "Variant",
    "Violation",
    "check_aligned",
    "check_dates",
    "check_media",
    "check_multivariant",
    "check_update",
    "parse_media",
    "parse_multivariant",
]
