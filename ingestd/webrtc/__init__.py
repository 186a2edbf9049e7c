"""WebRTC, by way of Janus: publishers that send it (WHIP), viewers that get it (WHEP)."""
