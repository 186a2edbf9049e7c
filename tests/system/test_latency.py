"""How long media takes into the playlist, as /metrics tells it of a real broadcast."""

from __future__ import annotations

import subprocess

from tests.support import http
from tests.support.publisher import RECORDINGS
from tests.support.server import INGESTD, PATIENCE, Server, running, wait_for
from tests.system.conftest import SMALL

CLIP = RECORDINGS / "vp8-opus_ts250_kf2000.webm"
STEPS = ("received_to_encoder", "encoder_to_segment", "segment_to_playlist")


class Scrape:
    """What /metrics said at one moment."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.again()

    def again(self) -> Scrape:
        """The same of now."""
        lines = http.get(f"{self._server.http}/metrics", timeout=PATIENCE).text.splitlines()
        pairs = (line.rpartition(" ") for line in lines if line.startswith("ingestd_"))
        self._samples = {series: float(value) for series, _, value in pairs}
        return self

    def total(self, name: str, label: str = "") -> float:
        """Of all samples of that name, with that label."""
        return sum(
            value
            for series, value in self._samples.items()
            if series.partition("{")[0] == name and label in series
        )

    def count(self, step: str) -> float:
        return self.total("ingestd_latency_seconds_count", step)

    def mean(self, step: str) -> float:
        """Seconds."""
        return self.total("ingestd_latency_seconds_sum", step) / self.count(step)


def test_every_step_is_measured_and_what_was_counted_stays_after_the_end() -> None:
    with running(hls_segment=1, **SMALL) as server:
        command = [*INGESTD, "publish", str(CLIP), "--loop", "--server", server.http]
        secrets = {"INGESTD_STREAM_KEY": server.stream_key, "INGESTD_TOKEN": server.token}
        publisher = subprocess.Popen(command, env=secrets, stderr=subprocess.DEVNULL)
        try:
            wait_for("a picture's age", lambda: Scrape(server).count("glass_to_playlist") >= 3)
            found = Scrape(server)
            _check(found)
            # means, which come right by and by if this machine stood still for the first segments
            wait_for(lambda: f"what is usual: {_unusual(found)}", lambda: not _unusual(found.again()))
            before = server.metric("ingestd_encoder_generation")
            server.encoder(server.wait_state("live")["id"]).kill()
            wait_for("another encoder", lambda: server.metric("ingestd_encoder_generation") > before)
            server.wait_state("live")
            repeated = server.metric("ingestd_encoder_duplicated_frames_total")
        finally:
            publisher.terminate()
            publisher.wait(PATIENCE)
        server.wait_state("ended")
        assert server.metric_now("ingestd_encoder_duplicated_frames_total") >= repeated
        found = Scrape(server)
        assert found.total("ingestd_rendition_bytes_total") == 0, "its own series are gone"
        assert found.total("ingestd_segment_bytes_total") > 0
        assert found.total("ingestd_discontinuities_total") >= 2, "one in each rendition"
        segments = found.total("ingestd_segments_total")
        assert 2 * found.count("received_to_playlist") == segments, "one for all renditions of a segment"


def _check(found: Scrape) -> None:
    """A live broadcast."""
    assert {found.count(step) for step in STEPS} == {found.count("received_to_playlist")}
    received = found.mean("received_to_playlist")
    assert abs(sum(found.mean(step) for step in STEPS) - received) < 0.001
    assert found.total("ingestd_rendition_bytes_total", "360p") > 0
    assert found.total("ingestd_connections_total", "websocket") == 1
    assert found.total("ingestd_playlist_age_seconds") < PATIENCE


def _unusual(found: Scrape) -> list[str]:
    """What is not so, but has to be so soon."""
    received, glass = (found.mean(step) for step in ("received_to_playlist", "glass_to_playlist"))
    usual = {
        "a segment lasts a second": found.mean("encoder_to_segment") > 0.8,
        "a picture is older than its bytes": received < glass + 0.3,
        "some of it is not yet acked": 0 < found.total("ingestd_unacked_seconds") < PATIENCE,
        "the machine does something": 0 < found.total("ingestd_host_cpu_ratio") <= 1,
    }
    return [words for words, so in usual.items() if not so]
