"""The STUN and TURN servers that peers are told of, with credentials for a time. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

LIFETIME = 86_400  # seconds for which a TURN server lets a peer in: a long broadcast needs new ones then


@dataclass(frozen=True, slots=True)
class IceServers:
    """URLs as in RFC 7064 and RFC 7065; ``secret`` is what the TURN servers share with us."""

    stun: Sequence[str] = ()
    turn: Sequence[str] = ()
    secret: str = field(default="", repr=False)

    def links(self, now: float) -> list[str]:
        """The values of ``Link`` headers (RFC 9725 §4.6), for a peer that comes at that Unix time."""
        found = [f'<{url}>; rel="ice-server"' for url in self.stun]
        user, password = self.credentials(now)
        known = f'; username="{user}"; credential="{password}"; credential-type="password"'
        return found + [f'<{url}>; rel="ice-server"{known if self.secret else ""}' for url in self.turn]

    def credentials(self, now: float) -> tuple[str, str]:
        """User and password for RFC 8489's long-term mechanism, by the shared secret, as coturn reckons them
        (draft-uberti-behave-turn-rest): the user's name is when they expire."""
        user = str(int(now) + LIFETIME)
        digest = hmac.new(self.secret.encode(), user.encode(), hashlib.sha1).digest()
        return user, base64.b64encode(digest).decode()
