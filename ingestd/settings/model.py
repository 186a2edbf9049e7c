"""Every setting: its unit, default and effect stand at its field.

``repr=False`` marks a secret: its value stands in no error, no log, and no command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from ingestd.settings.section import Port, Seconds, Section
from ingestd.settings.webrtc import WebRtc


class Data(Section):
    dir: Path | None = Field(
        None,
        examples=["/srv/ingestd"],
        description="Directory of secrets, nginx's files and HLS. Default: /var/lib/ingestd as root,"
        " else $XDG_STATE_HOME/ingestd or ~/.local/state/ingestd.",
    )
    min_free: int = Field(
        200, ge=0, description="MiB of free disk below which /readyz says no and no broadcast is taken."
    )
    fsync: bool = Field(
        False,
        description="Whether a segment and its entry in the journal are forced to disk before they are"
        " acknowledged. Without it nothing is lost when processes die, but a power cut may take the last"
        " seconds. With it every segment waits for the disk.",
    )


class Database(Section):
    url: str = Field(
        "",
        repr=False,
        description="Where people, channels and keys are kept: postgresql://USER:PASSWORD@HOST/NAME."
        " Default: a SQLite file in the data directory.",
    )
    url_file: Path | None = Field(
        None,
        examples=["/run/secrets/database_url"],
        description="A file that holds that URL, for it has a password in it.",
    )


class Auth(Section):
    secret: str = Field(
        "",
        repr=False,
        description="Secret that signs tokens, at least 32 random characters. Default: made at the first"
        " start and kept in the data directory.",
    )
    secret_file: Path | None = Field(
        None, examples=["/run/secrets/auth_secret"], description="A file that holds that secret."
    )
    previous_secret: str = Field(
        "",
        repr=False,
        description="The secret before that one: its tokens stay good until they expire.",
    )
    previous_secret_file: Path | None = Field(
        None,
        examples=["/run/secrets/auth_previous_secret"],
        description="A file that holds the secret before.",
    )
    issuer: str = Field("", description="`iss` of our tokens, and the only one that is taken; empty: any.")
    audience: str = Field("ingestd", min_length=1, description="`aud` that a token has to name.")
    jwks_url: str = Field(
        "",
        description="Where an outside identity provider publishes its keys (JWKS); empty: there is none."
        " It needs `issuer`, too: the `iss` of the provider's tokens.",
    )
    session_lifetime: Seconds = Field(
        30 * 86400.0, description="Seconds after its last use for which a sign-in is good."
    )
    failures: int = Field(
        10,
        ge=1,
        description="Wrong passwords, keys or tokens a minute, by address and by account (429 beyond).",
    )


class Http(Section):
    bind: str = Field("127.0.0.1", description="Address on which pages, API and HLS are served.")
    published: str = Field(
        "",
        examples=["127.0.0.1"],
        description="Address on which a container engine opens our ports to others: then bind addresses are"
        " only the container's own, and by this one it is judged whether a certificate is needed. Default:"
        " there is no such engine.",
    )
    port: Port = Field(4000, description="Port of ingestd itself; 0 takes a free one.")
    public_host: str = Field(
        "",
        description="Host name or address that people use to reach this machine, for the links that are"
        " printed and the server that OBS is told. Default: the bind address in links, and for OBS the host"
        " by which the page was reached.",
    )
    tls_certificate: Path | None = Field(
        None,
        examples=["/etc/letsencrypt/live/tv.example.org/fullchain.pem"],
        description="Certificate chain (PEM) for HTTPS and RTMPS; a renewed file is picked up.",
    )
    tls_key: Path | None = Field(
        None,
        examples=["/etc/letsencrypt/live/tv.example.org/privkey.pem"],
        description="Private key (PEM) of that certificate.",
    )
    redirect_port: Port = Field(
        0, description="Port on which plain HTTP is sent on to HTTPS, as a rule 80; 0: none."
    )
    insecure: bool = Field(
        False,
        description="Whether to serve a public address without TLS: passwords, keys and tokens can then be"
        " read on the way.",
    )
    max_streams: int = Field(
        10_000,
        ge=0,
        le=50_000,
        description="Event streams at one time, of which each open page of viewers has one; one more is"
        " answered with 503. Fewer where there are not enough file descriptors.",
    )
    origins: tuple[str, ...] = Field(
        (), description="Origins besides our own whose pages may publish and call the API."
    )
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1/32", "::1/128"),
        description="Networks whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )

    @field_validator("published")
    @classmethod
    def _without_brackets(cls, published: str) -> str:
        return published.strip("[]")  # in which Compose has an IPv6 address


class Hls(Section):
    port: Port = Field(
        8080, description="Port of nginx: HLS, and everything else behind one entry; 0 takes a free one."
    )
    segment: float = Field(
        1.0, ge=0.5, le=10, description="Seconds in a segment; a keyframe is forced as often."
    )
    window: Seconds = Field(60.0, description="Seconds of media that a live playlist lists.")
    keep_ended: Seconds = Field(
        86400.0, description="Seconds for which the last window of an ended broadcast stays playable."
    )
    poll: Seconds = Field(0.1, le=5, description="Seconds between two looks at nginx's private playlists.")
    poster_every: float = Field(
        10.0, ge=0, description="Seconds between two posters of a live broadcast; 0 makes none."
    )
    max_requests: int = Field(
        100,
        ge=0,
        le=100_000,
        description="Requests a second for playlists and segments from one address, beyond which nginx"
        " answers 429; a player makes about two. 0: no limit.",
    )


class Rtmp(Section):
    bind: str = Field(
        "",
        description="Address on which RTMP and RTMPS publishers are taken. Default: http.bind; but with a"
        " certificate RTMP, in which stream keys can be read on the way, is for this machine only.",
    )
    port: Port = Field(1935, description="Port for RTMP publishers; 0 takes a free one.")
    tls_port: Port = Field(
        0, description="Port for RTMPS publishers (mostly 1936); 0: none. It takes http.tls_certificate."
    )
    internal_port: Port = Field(
        0, description="Port on rtmp.host to which encoders push; 0 takes a free one."
    )
    relay_port: Port = Field(
        0,
        description="Port on rtmp.host where `ingestd` reads what publishers send; 0 takes a free one"
        " (of an nginx of your own: rtmp.port).",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address of nginx for ingestd and its encoders, where nginx runs elsewhere.",
    )


class Ingest(Section):
    max_message: int = Field(
        16, ge=1, le=256, description="MiB in one WebSocket message; a larger one is refused (4413)."
    )
    idle_timeout: Seconds = Field(
        10.0,
        description="Seconds without a byte, or without media, after which a publisher is dropped (4408).",
    )
    silent_after: Seconds = Field(
        3.0,
        description="Seconds without a byte after which a newcomer takes the channel over unasked.",
    )
    resume_window: Seconds = Field(
        60.0, description="Seconds for which a broadcast waits for a publisher that is gone."
    )
    replay_buffer: int = Field(
        32, ge=1, le=1024, description="MiB of media of one recording kept in memory for replay."
    )
    ahead: int = Field(
        4, ge=1, le=256, description="MiB that may wait for the encoder before the socket is no longer read."
    )
    max_broadcasts: int = Field(8, ge=1, description="Broadcasts at one time; one more is refused (1013).")
    max_load: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of the machine's processors that may be in use with a new broadcast's encoder"
        " added; beyond it the broadcast is refused (1013). 0 takes every one.",
    )
    token_lifetime: Seconds = Field(
        30 * 86400.0, description="Seconds for which a newly printed token is good."
    )


class Rung(Section):
    """One rendition of the ladder."""

    height: int = Field(ge=16, le=4320, description="Pixels of the picture's short side.")
    bitrate: int = Field(ge=50, le=100_000, description="Video kb/s.")


class Encoder(Section):
    ladder: tuple[Rung, ...] = Field(
        (Rung(height=720, bitrate=2500), Rung(height=480, bitrate=1200), Rung(height=360, bitrate=700)),
        min_length=1,
        max_length=8,
        description="Renditions, best first; none is made larger than its source.",
    )
    separate_audio: bool = Field(
        False,
        description="Whether sound is a rendition of its own, encoded and carried once, beside pictures"
        " without sound (EXT-X-MEDIA in the multivariant playlist). A broadcast keeps to what it began with.",
    )
    audio_bitrate: int = Field(96, ge=16, le=512, description="AAC kb/s of sound.")
    frame_rate: int = Field(30, ge=5, le=120, description="Frames a second in every rendition.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "veryfast", description="x264 preset: what CPU time buys in quality."
    )
    ffmpeg: str = Field("ffmpeg", description="The FFmpeg program.")
    ffprobe: str = Field("ffprobe", description="The ffprobe program.")
    stall_timeout: Seconds = Field(
        6.0,
        description="Seconds without a new segment, while media waits, after which the encoder is restarted;"
        " doubled for each restart in a row, up to four times as long.",
    )
    slow_timeout: Seconds = Field(
        10.0,
        description="Seconds for which the encoder may fall behind before the top rendition is dropped.",
    )
    climb_after: Seconds = Field(
        60.0,
        description="Seconds until a dropped rendition is tried again; doubled each time that fails.",
    )
    nice: int = Field(
        5, ge=0, le=19, description="Niceness of encoders: 0 as everybody else, 19 last of all."
    )
    memory_limit: int = Field(
        0, ge=0, description="MiB of memory that one encoder may take (RLIMIT_DATA); 0: no limit."
    )
    max_restarts: int = Field(
        8, ge=0, description="Restarts in a row without a new segment before a broadcast is given up."
    )

    @field_validator("ladder")
    @classmethod
    def _no_twins(cls, ladder: tuple[Rung, ...]) -> tuple[Rung, ...]:
        heights = [rung.height for rung in ladder]
        if len(set(heights)) != len(heights) or heights != sorted(heights, reverse=True):
            raise ValueError("heights that differ, the largest first")
        return ladder


class Push(Section):
    allow: tuple[str, ...] = Field(
        (),
        description="Networks or host names to which may be pushed although they are not public.",
    )


class Nginx(Section):
    program: str = Field("nginx", description="The nginx program.")
    rtmp_module: str = Field("", description="Path of ngx_rtmp_module.so. Default: where Debian puts it.")
    upstream: str = Field(
        "",
        examples=["10.0.0.2"],
        description="Address of `ingestd` for an nginx that runs elsewhere, on rtmp.host: there `ingestd`"
        " listens, from there alone nginx takes what encoders push, and X-Forwarded-For is believed of"
        " rtmp.host. Between the two is no TLS. Default: both are on this machine.",
    )
    stat_port: Port = Field(
        0,
        description="Port on which nginx answers ingestd (and who is on its machine) with nginx-rtmp's"
        " statistics, as /stat. 0: with `up` a free one, with `serve` there are none.",
    )
    stop_timeout: Seconds = Field(5.0, description="Seconds between SIGTERM and SIGKILL for nginx.")
    hang_timeout: Seconds = Field(
        5.0, description="Seconds without an answer after which an nginx of `ingestd up` is started again."
    )


class Viewers(Section):
    listen: str = Field(
        "",
        examples=["127.0.0.1:4001"],
        description="Address and port (UDP) to which nginx logs requests for HLS, by which viewers are"
        " counted. Default: with `up` a free port of this machine; with `serve` they are not counted.",
    )


class Metrics(Section):
    channel_label: bool = Field(
        True, description="Whether metrics of channels name the channel; without it they are sums."
    )
    max_channels: int = Field(
        200, ge=0, description="Channels that metrics name at most; the others are one, `other`."
    )


class Log(Section):
    style: Literal["auto", "console", "json"] = Field(
        "auto",
        description="Lines for people, or for machines; auto: for people where stderr is a terminal, JSON"
        " under systemd, in containers and in files.",
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged."
    )
    access: bool = Field(
        False, description="Whether each HTTP request is logged, without its query and without secrets."
    )


class Telemetry(Section):
    otlp_endpoint: str = Field(
        "",
        description="Where OpenTelemetry traces go by OTLP over HTTP, such as"
        " http://127.0.0.1:4318/v1/traces; it takes packages of its own, of which the README tells. Empty:"
        " there are none.",
    )


class Settings(Section):
    """The whole configuration, one section for each table of the TOML file."""

    data: Data = Data()
    database: Database = Database()
    auth: Auth = Auth()
    http: Http = Http()
    hls: Hls = Hls()
    rtmp: Rtmp = Rtmp()
    ingest: Ingest = Ingest()
    encoder: Encoder = Encoder()
    push: Push = Push()
    nginx: Nginx = Nginx()
    webrtc: WebRtc = WebRtc()
    viewers: Viewers = Viewers()
    metrics: Metrics = Metrics()
    log: Log = Log()
    telemetry: Telemetry = Telemetry()
