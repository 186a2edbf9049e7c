"""Bodies and answers: what the OpenAPI document says of them is made from these.

Bodies are strict (no key that nobody knows, no "1" for 1), so that the document is all there is to
know. Answers forbid what they do not name, too: a field that is added to a view and not to the
document is a mistake that every test sees. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from ingestd.accounts.checks import DESCRIPTION, LABEL, TITLE
from ingestd.accounts.model import SLUG
from ingestd.accounts.passwords import LONGEST, SHORTEST

_YEAR = 366 * 86400  # seconds

# What accounts.checks takes, so that the document is true of it, too.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
PRINTABLE = f"^[^{_CONTROL}]*$"
_PRESENT = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"
_LINES = r"^(?:[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]|\r\n)*$"
PORT = r"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_RTMP = rf"^rtmps?://[A-Za-z0-9.-]{{1,253}}(?::{PORT})?/[!-\"$->@-~]*[!-\"$-.0->@-~][!-\"$->@-~]*$"


def _whole(value: Any) -> Any:
    """In JSON 60.0 is as much of an integer as 60."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


When = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Name = Annotated[str, StringConstraints(pattern=f"^{SLUG.pattern}$", max_length=64)]
Password = Annotated[str, StringConstraints(min_length=SHORTEST, max_length=LONGEST)]
Guess = Annotated[str, StringConstraints(max_length=1000)]
Title = Annotated[str, StringConstraints(max_length=TITLE, pattern=_PRESENT)]
RenditionName = Annotated[str, StringConstraints(max_length=64, pattern=_PRESENT)]
Text = Annotated[str, StringConstraints(max_length=DESCRIPTION, pattern=_LINES)]
Label = Annotated[str, StringConstraints(max_length=LABEL, pattern=PRINTABLE)]
Lifetime = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=_YEAR, description="seconds")]
PushUrl = Annotated[str, StringConstraints(max_length=500, pattern=_RTMP)]
Secret = Annotated[str, StringConstraints(max_length=500, pattern=PRINTABLE)]
RoleName = Literal["admin", "broadcaster"]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fault(Answer):
    code: str
    message: str
    retry_after: Annotated[int, Field(ge=1, description="seconds")] | SkipJsonSchema[None] = None


class Error(Answer):
    """Every refusal: a code for programs, a sentence for people; ``retry_after`` only where it is known."""

    error: Fault


# People


class SignIn(Body):
    name: Guess
    password: Guess


class NewUser(Body):
    name: Name
    password: Password
    role: RoleName


class UserChange(Body):
    role: RoleName | None = None
    disabled: bool | None = None
    password: Password | None = None


class PasswordChange(Body):
    current: Guess
    new: Password


class UserView(Answer):
    name: str
    role: RoleName
    disabled: bool
    created_at: When


class UserList(Answer):
    users: list[UserView]


class SignedInAs(Answer):
    user: UserView


class SessionState(Answer):
    """``first_start``: this start of the server made the installation and its first admin."""

    user: UserView | None
    first_start: bool


class SessionView(Answer):
    id: str
    device: str
    address: str
    created_at: When
    last_used_at: When
    current: bool


class SessionList(Answer):
    sessions: list[SessionView]


# Broadcasts


class SourceVideo(Answer):
    codec: str
    width: int
    height: int


class SourceAudio(Answer):
    codec: str
    channels: int
    sample_rate: int


class SourceTracks(Answer):
    video: SourceVideo | None
    audio: SourceAudio | None


class RenditionView(Answer):
    name: str
    width: int
    height: int
    frame_rate: float
    bandwidth: int


class EncoderView(Answer):
    generation: int
    restarts: int
    running: bool
    speed: float | None
    fps: float | None


class Rtmp(Answer):
    """Where encoders such as OBS publish to: ``rtmp://HOST:port/live``, ``rtmps://HOST:tls_port/live``.

    ``host`` null: the one by which you reached this; ``tls_port`` null: there is no RTMPS; ``local``:
    what comes without TLS is taken from the server's own machine only.
    """

    host: str | None
    port: int
    tls_port: int | None
    local: bool


class SourceView(SourceTracks):
    """Who publishes: by which way, ``since`` when, and what; null: it has no such track, or none has come."""

    kind: Literal["websocket", "rtmp", "whip"]
    since: When


class LinkView(Answer):
    """``silent``: its media have ceased to come. ``way``: the type of the ICE candidate by which it is
    reached; null: not known yet."""

    state: Literal["connecting", "sending", "silent"]
    way: Literal["host", "srflx", "prflx", "relay"] | None


class PeersView(Answer):
    """Viewers of the channel that are connected by WebRTC, and its publisher; null: not by WebRTC."""

    viewers: int
    publisher: LinkView | None


class BroadcastView(Answer):
    """``hls``, ``hls_broadcast`` and ``poster`` are paths below nginx's address, ``whep`` one of this server,
    by which it is watched; by ``rtmp`` it is published alone. Times in seconds. ``sources``: who publishes
    now; ``peers``: who is connected by WebRTC, null: there is none here, or it is over.

    ``left_out`` is the number of renditions, from the top, that are not encoded at present. ``viewers``
    are those of the channel now, ``viewers_peak`` the most at one time; null: they are not counted.
    """

    id: str
    channel: str
    title: str
    state: str
    wanted: str
    message: str
    started_at: When
    ended_at: When | None
    media_time: float
    commit_lag: float
    received_bytes: int
    hls: str | None
    hls_broadcast: str | None
    poster: str | None
    whep: str | None
    rtmp: Rtmp | None
    source: SourceTracks | None
    sources: list[SourceView]
    peers: PeersView | None
    renditions: list[RenditionView]
    left_out: int
    encoder: EncoderView | None
    viewers: int | None
    viewers_peak: int | None


class BroadcastList(Answer):
    broadcasts: list[BroadcastView]


class InterruptionView(Answer):
    """Nothing new came into the playlist for so many seconds: ``what`` was away, or had to be replaced."""

    since: When
    seconds: float
    what: Literal["publisher", "encoder"]


class RecordView(Answer):
    """A broadcast and what became of it.

    ``complete``: it is over, its publisher had said that this was all, and all of it stands in the playlist.
    ``given_up_bytes`` were received and were more than the server could keep until then.
    """

    broadcast: BroadcastView
    complete: bool
    given_up_bytes: int
    interruptions: list[InterruptionView]


class GenerationView(Answer):
    """The report of one life of an encoder; ``reason`` is empty when its work was done."""

    number: int
    epoch: int
    argv: list[str]
    renditions: list[str]
    origin: float
    commit: float
    started_at: float
    lifetime: float
    reason: str
    sentence: str
    exit: str
    code: int | None
    signal: int | None
    lines: list[str]
    frames: int
    doubled: int
    dropped: int
    speed: float
    fps: float


class GenerationList(Answer):
    broadcast: str
    generations: list[GenerationView]


# What is sent to a channel


class Source(Answer):
    """What the publisher sends, and what it would better do: ``advice`` are sentences.

    ``kind`` says by which way; bits a second, frames a second, seconds between keyframes.
    """

    kind: str
    video: dict[str, Any] | None
    audio: dict[str, Any] | None
    bitrate: float | None
    frame_rate: float | None
    keyframe_distance: float | None
    advice: list[str]


class SourceAnswer(Answer):
    channel: str
    source: Source | None


# Other places that a channel is pushed to


class NewTarget(Body):
    """``url`` without the key, which is stored encrypted and never told again."""

    url: PushUrl
    key: Secret
    rendition: RenditionName
    enabled: bool = True


class TargetChange(Body):
    url: PushUrl | None = None
    key: Secret | None = None
    rendition: RenditionName | None = None
    enabled: bool | None = None


class Pushing(Answer):
    """``state``, a sentence on it, bits a second, and the speed (1 is real time)."""

    state: str
    message: str
    bitrate: float | None
    speed: float | None


class TargetView(Pushing):
    id: str
    url: str
    rendition: str
    enabled: bool
    created_at: When


class TargetList(Answer):
    targets: list[TargetView]


# Keys and tokens


class NewKey(Body):
    label: Label = ""


class KeyView(Answer):
    id: str
    label: str
    created_at: When
    last_used_at: When | None
    last_used_from: str | None


class KeyList(Answer):
    keys: list[KeyView]


class FreshKey(KeyView):
    """``key``: shown this once; only a digest is kept."""

    key: str


class NewToken(Body):
    scope: Literal["publish", "watch"]
    lifetime: Lifetime | None = None


class NewAdminToken(Body):
    scope: Literal["admin"]
    lifetime: Lifetime | None = None


class TokenView(Answer):
    """``id`` is what it is revoked by; the token itself is not kept."""

    token: str
    id: str
    expires_at: When
