"""Viewers by WebRTC (WHEP): what is on a channel, with less than a second of delay."""
