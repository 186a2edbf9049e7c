"""Somebody watches: the player of the watch page, from its first frame to the end of the broadcast."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Playwright, expect

from tests.browser.conftest import CHROMIUM, PATIENCE_MS, QUIET
from tests.browser.test_home import framed, other_site
from tests.support import http
from tests.support.accounts import token_for
from tests.support.administrator import administrator, good, publishing
from tests.support.proxy import Proxy
from tests.support.resumable import Resumable
from tests.support.server import PATIENCE, Server, running, wait_for

LADDER = "[{height=144,bitrate=200},{height=72,bitrate=100}]"
GONE_SECONDS = 20
FILM_SECONDS = 120  # no test waits for its end
# As a browser that insists: no sound, or nothing at all, before a click.
NO_SOUND = """() => {
  const play = HTMLMediaElement.prototype.play;
  let clicked = false;
  addEventListener('pointerdown', () => { clicked = true; }, true);
  HTMLMediaElement.prototype.play = function () {
    const allowed = clicked || (this.muted && !window.nothing);
    return allowed ? play.call(this) : Promise.reject(new DOMException('no gesture', 'NotAllowedError'));
  };
}"""
# How much of a canvas is drawn, and how different its brightest and darkest values are.
DRAWN = """canvas => {
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const values = pixels.filter((_, index) => index % 4 !== 3);
  return [canvas.width, values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b))];
}"""

# A receiver in this room, of which every player can tell; and what is asked of it.
CAST = """
window.asked = [];
class Remote extends EventTarget {
  state = 'disconnected';
  constructor(video) { super(); this.video = video; }
  async watchAvailability(told) { setTimeout(() => told(window.receiver !== false)); return 1; }
  async cancelWatchAvailability() {}
  async prompt() {
    window.asked.push({ src: this.video.src, active: navigator.userActivation.isActive });
    this.state = this.state === 'connected' ? 'disconnected' : 'connected';
    this.dispatchEvent(new Event(this.state === 'connected' ? 'connect' : 'disconnect'));
  }
}
const remotes = new WeakMap();
Object.defineProperty(HTMLMediaElement.prototype, 'remote', { configurable: true, get() {
  if (!remotes.has(this)) remotes.set(this, new Remote(this));
  return remotes.get(this);
} });
const { play } = HTMLMediaElement.prototype;
HTMLMediaElement.prototype.play = function () {
  return this.isConnected ? play.call(this) : Promise.resolve(); // the receiver plays it
};
window.chrome ??= {};
"""
# As Safari, which tells of it by an event.
AIRPLAY = """
delete HTMLMediaElement.prototype.remote;
window.asked = [];
window.WebKitPlaybackTargetAvailabilityEvent = class extends Event {
  constructor(availability) {
    super('webkitplaybacktargetavailabilitychanged');
    this.availability = availability;
  }
};
HTMLMediaElement.prototype.webkitShowPlaybackTargetPicker = function () {
  const sources = [...this.querySelectorAll('source')].map(({ src }) => src);
  window.asked.push({ sources, active: navigator.userActivation.isActive });
};
"""
AVAILABLE = "(it, said) => it.dispatchEvent(new WebKitPlaybackTargetAvailabilityEvent(said))"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(
        channels=2,
        encoder_preset="ultrafast",
        encoder_ladder=LADDER,
        ingest_resume_window=2,
        hls_window=90,
        hls_poster_every=2,
    ) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(server: Server, playwright: Playwright) -> Iterator[Browser]:
    """Begun after the server, whose installation is made in an event loop: playwright has one, too."""
    made = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(server: Server, chromium: Browser) -> Iterator[None]:
    """The channel ``demo`` is on the air."""
    with publishing(server):
        server.wait_for("something to play", lambda one: one["hls"] is not None)
        yield


@pytest.fixture
def window(live: None, server: Server) -> None:
    """For so long that one can go back."""
    server.wait_for("25 seconds", lambda one: one["media_time"] >= 25)


@contextmanager
def somebody(chromium: Browser) -> Iterator[BrowserContext]:
    """A viewer's browser. What a page throws, and what its policy refuses, fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            wrong.append(message.text)

    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", heard)
    try:
        yield context
    finally:
        context.close()
    assert not wrong


@pytest.fixture
def viewer(chromium: Browser) -> Iterator[BrowserContext]:
    with somebody(chromium) as context:
        yield context


def opened(context: BrowserContext, base: str, path: str = "/watch/demo") -> Page:
    page = context.new_page()
    page.goto(base + path)
    return page


def state(page: Page, name: str) -> None:
    expect(page.locator(f'[data-testid=watch-state][data-state="{name}"]')).to_be_attached()


def watching(context: BrowserContext, base: str, path: str = "/watch/demo") -> Page:
    """A page that plays, with its controls in sight, however long a test stands still."""
    page = opened(context, base, path)
    state(page, "playing")
    screen = page.locator("#screen:defined")
    screen.evaluate("it => it.setAttribute('autohide', '-1')")

    def awake() -> bool:
        for place in (100, 120):
            page.get_by_test_id("player").hover(position={"x": place, "y": place})
        return screen.get_attribute("userinactive") is None

    wait_for("the controls", awake)
    expect(page.get_by_test_id("mute")).to_be_visible()
    return page


def player(page: Page, expression: str) -> Any:
    """Something of the video element, by its name there."""
    return page.get_by_test_id("player").evaluate(f"it => it.{expression}")


def behind(page: Page) -> float:
    """Seconds behind live, as the page says."""
    page.get_by_test_id("player").hover()
    words = page.get_by_test_id("position").inner_text()
    return float(words.split(" s ")[0]) if " s behind live" in words else 1000.0


def is_live(page: Page) -> None:
    """The badge says so, and it is true: a machine that is busy makes the player wait further back."""
    expect(page.get_by_test_id("edge")).to_have_attribute("mediatimeislive", "")
    wanted = float(page.get_by_test_id("theatre").get_attribute("data-delay") or 0)
    wait_for("a place near the edge", lambda: behind(page) < wanted + 4)


def moves(page: Page) -> None:
    before = player(page, "currentTime")
    wait_for("moving pictures", lambda: player(page, "currentTime") > before + 0.5)


def test_starts_by_itself_and_says_how_long_that_took(
    live: None, viewer: BrowserContext, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = []
    for _ in range(3):
        page = opened(viewer, server.hls)
        theatre = page.get_by_test_id("theatre")
        expect(theatre).to_have_attribute("data-first-frame", re.compile(r"^\d+$"))
        taken.append(int(theatre.get_attribute("data-first-frame") or 0))
        moves(page)
        page.close()
    with capsys.disabled():
        print(f"\ntime to first frame, from the click on the link: {', '.join(map(str, taken))} ms")


def test_the_menu_of_qualities(live: None, viewer: BrowserContext, server: Server) -> None:
    page = watching(viewer, server.hls)
    page.get_by_test_id("settings").locator("summary").click()
    menu = page.get_by_test_id("quality")
    expect(menu.locator("option")).to_have_count(3)
    assert menu.locator("option").all_inner_texts()[1:] == ["144p", "72p"]
    menu.select_option(label="72p")
    wait_for("72 lines", lambda: player(page, "videoHeight") == 72)
    moves(page)
    menu.select_option(value="auto")
    expect(menu.locator("option").first).to_have_text("Auto (144p)")
    wait_for("144 lines", lambda: player(page, "videoHeight") == 144)


def test_the_delay_is_shown_chosen_kept_and_caught_up_with(
    window: None, viewer: BrowserContext, server: Server
) -> None:
    page = watching(viewer, server.hls)
    is_live(page)
    page.get_by_test_id("settings").locator("summary").click()
    expect(page.get_by_test_id("behind")).to_contain_text(" s behind live")
    page.get_by_test_id("delay").select_option("safe")
    wait_for("the safe delay", lambda: behind(page) >= 9)
    is_live(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("player").evaluate("it => { it.currentTime -= 2; }")  # as after a stall
    wait_for("hurry", lambda: player(page, "playbackRate") == 1.03)
    page.keyboard.press("e")
    wait_for("no hurry", lambda: player(page, "playbackRate") == 1)
    page.reload()
    state(page, "playing")
    wait_for("the safe delay again", lambda: behind(page) >= 9)
    is_live(page)
    expect(page.get_by_test_id("delay")).to_have_value("safe")


def test_back_in_the_window_with_small_pictures_and_to_live_again(
    window: None, viewer: BrowserContext, server: Server
) -> None:
    page = watching(viewer, server.hls)
    bar = page.get_by_test_id("seek")
    expect(bar).to_be_visible()
    point(page, bar, 0.4)
    small = page.get_by_test_id("preview")
    expect(small).to_be_visible()
    width, contrast = small.evaluate(DRAWN)
    assert width == 320
    assert contrast > 40
    expect(page.locator("#preview-words")).to_have_text(re.compile(r"^−\d+:\d\d$"))
    box = bar.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
    edge = page.get_by_test_id("edge")
    expect(edge).not_to_have_attribute("mediatimeislive", "")
    wait_for("a place far from live", lambda: behind(page) > 10)
    moves(page)
    assert player(page, "playbackRate") == 1  # whoever went back wants to be there
    edge.click()
    is_live(page)


def point(page: Page, bar: Locator, ratio: float) -> None:
    """Wander over the bar to there."""
    box = bar.bounding_box()
    assert box
    for nearly in (ratio - 0.02, ratio):
        page.mouse.move(box["x"] + box["width"] * nearly, box["y"] + box["height"] / 2)


def test_keys_and_a_volume_that_is_remembered(window: None, viewer: BrowserContext, server: Server) -> None:
    page = watching(viewer, server.hls)
    keys = page.keyboard
    keys.press("k")
    assert player(page, "paused")
    expect(page.get_by_test_id("big-play")).to_be_visible()
    keys.press(" ")
    moves(page)
    keys.press("ArrowDown")  # scrolls
    page.locator("#screen").focus()
    for _ in range(3):
        keys.press("ArrowDown")
    keys.press("m")
    assert player(page, "muted")
    keys.press("0")
    wait_for("the start of the window", lambda: behind(page) > 15)
    keys.press("ArrowRight")
    keys.press("e")
    is_live(page)
    before = behind(page)
    keys.press("j")
    wait_for("ten seconds back", lambda: behind(page) > before + 8)
    keys.press("f")
    wait_for("full screen", lambda: page.evaluate("document.fullscreenElement?.id") == "theatre")
    keys.press("f")
    wait_for("no full screen", lambda: page.evaluate("document.fullscreenElement === null"))
    keys.press("?")
    expect(page.get_by_test_id("shortcuts")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_test_id("shortcuts")).to_be_hidden()
    keys.press("i")
    wait_for(
        "a picture of its own", lambda: page.evaluate("document.pictureInPictureElement?.id") is not None
    )
    keys.press("i")
    wait_for("none", lambda: page.evaluate("document.pictureInPictureElement === null"))
    page.reload()
    state(page, "playing")
    assert player(page, "muted")
    assert player(page, "volume") == pytest.approx(0.7)


def test_what_can_be_handed_on(live: None, viewer: BrowserContext, server: Server) -> None:
    viewer.grant_permissions(["clipboard-read", "clipboard-write"])
    with administrator(server) as api:
        good(api.patch("/channels/demo", json={"embed_sites": ["https://blog.example"]}))
    page = watching(viewer, server.hls)
    page.get_by_test_id("share").click()
    expect(page.get_by_test_id("shared-link")).to_have_value(f"{server.hls}/watch/demo")
    playlist = page.get_by_test_id("shared-playlist").input_value()
    assert http.get(playlist).text.startswith("#EXTM3U")
    page.get_by_role("button", name="Copy: Embed").click()
    expect(page.get_by_role("button", name="Copy: Embed")).to_have_text("Copied")
    code = page.evaluate("navigator.clipboard.readText()")
    assert f'src="{server.hls}/embed/demo"' in code
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("sharing")).to_be_hidden()


def test_a_browser_that_insists_gets_no_sound_or_no_picture_before_a_click(
    live: None, chromium: Browser, server: Server
) -> None:
    with somebody(chromium) as context:
        context.add_init_script(f"({NO_SOUND})()")
        page = opened(context, server.hls)
        state(page, "playing")
        assert player(page, "muted")
        page.get_by_test_id("unmute").click()
        assert not player(page, "muted")
        expect(page.get_by_test_id("unmute")).to_be_hidden()
    with somebody(chromium) as context:
        context.add_init_script(f"window.nothing = true; ({NO_SOUND})()")
        page = opened(context, server.hls)
        page.get_by_test_id("big-play").click()
        state(page, "playing")
        moves(page)


def test_a_receiver_in_the_room_is_handed_the_playlist_and_where_there_is_none_there_is_no_button(
    live: None, chromium: Browser, server: Server
) -> None:
    with somebody(chromium) as context:
        context.add_init_script(CAST)
        page = watching(context, server.hls)
        button = page.locator("media-cast-button")
        expect(button).to_be_visible()
        expect(page.locator("media-airplay-button")).to_be_hidden()
        button.click()
        expect(page.get_by_test_id("toast")).to_have_text("Playing on the other device.")
        ((address, active),) = [(one["src"], one["active"]) for one in page.evaluate("window.asked")]
        assert active, "a browser asks only after a press"
        assert http.get(address).text.startswith("#EXTM3U")
        assert player(page, "paused")
        expect(button).to_have_attribute("mediaiscasting", "")
        button.click()
        wait_for("the second question", lambda: len(page.evaluate("window.asked")) == 2)
        moves(page)  # here again
        is_live(page)
    with somebody(chromium) as context:
        context.add_init_script(f"window.receiver = false; {CAST}")
        page = watching(context, server.hls)
        expect(page.locator("media-cast-button[mediacastunavailable]")).to_be_attached()
        for kind in ("cast", "airplay"):
            expect(page.locator(f"media-{kind}-button")).to_be_hidden()


def test_airplay_is_offered_where_the_browser_has_it(live: None, chromium: Browser, server: Server) -> None:
    with somebody(chromium) as context:
        context.add_init_script(AIRPLAY)
        page = watching(context, server.hls)
        button = page.locator("media-airplay-button")
        page.get_by_test_id("player").evaluate(AVAILABLE, "not-available")
        expect(button).to_be_hidden()
        page.get_by_test_id("player").evaluate(AVAILABLE, "available")
        expect(button).to_be_visible()
        expect(page.locator("media-cast-button")).to_be_hidden()
        button.click()
        (asked,) = page.evaluate("window.asked")
        assert asked["active"]
        (address,) = asked["sources"]  # a Media Source has none of its own
        assert http.get(address).text.startswith("#EXTM3U")


def test_a_server_that_is_gone_for_a_while_takes_no_reload(
    live: None, viewer: BrowserContext, server: Server
) -> None:
    with Proxy(int(server.hls.rsplit(":", 1)[1])) as proxy:
        page = watching(viewer, proxy.url)
        page.evaluate("window.stayed = true")
        gone = page.evaluate("performance.now()")
        proxy.cut()
        expect(page.get_by_test_id("waiting-words")).to_contain_text("The server does not answer")
        wait_for(
            "a long time",
            lambda: page.evaluate("performance.now()") > gone + GONE_SECONDS * 1000,
            2 * GONE_SECONDS,
        )
        proxy.restore()
        state(page, "playing")
        moves(page)
        assert page.evaluate("window.stayed")


def test_the_player_alone_on_a_site_that_may_show_it_and_on_another(
    live: None, viewer: BrowserContext, chromium: Browser, server: Server
) -> None:
    address = f"{server.hls}/embed/demo"
    with administrator(server) as api, other_site(address) as ours, other_site(address) as theirs:
        good(api.patch("/channels/demo", json={"embed_sites": [ours]}))
        page = viewer.new_page()
        page.goto(ours)
        frame = page.frame_locator("iframe")
        expect(frame.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached()
        expect(frame.get_by_test_id("name")).to_have_attribute("href", "/watch/demo")
        expect(frame.locator("header, footer")).to_have_count(0)
        assert frame.locator("html").evaluate("it => it.scrollHeight <= innerHeight")
        with chromium.new_context() as other:  # whose console says that a frame was refused
            other.set_default_timeout(PATIENCE_MS)
            assert not framed(other, theirs)


def test_a_private_channel_plays_on_an_allowed_site_with_a_watch_link_s_token_and_not_without(
    viewer: BrowserContext, chromium: Browser, server: Server
) -> None:
    """By another name of this machine it is another site for the browser, too: no cookie goes there."""
    with administrator(server) as api:
        good(api.post("/channels", json={"name": "club", "title": "The club", "private": True}))
        key = str(good(api.post("/channels/club/keys", json={"label": "A camera"}))["key"])
    club = replace(server, channel="club", stream_key=key)
    address = f"{server.hls}/embed/club"
    token, others = (token_for(server.data, name, scope="watch") for name in ("club", "demo"))
    with (
        other_site(f"{address}?token={token}") as ours,
        other_site(address) as forgotten,
        other_site(f"{address}?token={others}") as mistaken,
        other_site(f"{address}?token={token}") as theirs,
        administrator(server) as api,
        publishing(club),
    ):
        far = ours.replace("127.0.0.1", "localhost")
        good(api.patch("/channels/club", json={"embed_sites": [far, ours, forgotten, mistaken]}))
        page = viewer.new_page()
        page.goto(far)
        frame = page.frame_locator("iframe")
        expect(frame.locator('[data-testid=watch-state][data-state="playing"]')).to_be_attached()
        expect(frame.get_by_test_id("name")).to_contain_text("The club")
        film = frame.get_by_test_id("player")
        before = float(film.evaluate("it => it.currentTime"))
        wait_for("moving pictures", lambda: film.evaluate("it => it.currentTime") > before + 0.5)
        with chromium.new_context() as other:  # whose console says that a frame was refused
            other.set_default_timeout(PATIENCE_MS)
            shown = [framed(other, site) for site in (ours, forgotten, mistaken, theirs)]
        assert shown == [True, False, False, False]


def test_who_may_not_watch_and_what_is_not_there_say_what_to_do(
    viewer: BrowserContext, server: Server
) -> None:
    with administrator(server) as api:
        good(api.post("/channels", json={"name": "secret", "title": "Secret", "private": True}))
    page = opened(viewer, server.hls, "/watch/secret")
    expect(page.get_by_test_id("curtain-title")).to_have_text("This channel is private")
    expect(page.get_by_label("Watch link")).to_be_visible()
    page.get_by_test_id("link-form").get_by_role("link", name="Sign in").click()
    page.wait_for_url("**/sign-in?next=%2Fwatch%2Fsecret")
    page.goto(f"{server.hls}/watch/nobody")
    expect(page.get_by_test_id("curtain-title")).to_have_text("No such channel")
    page.get_by_test_id("curtain-action").click()
    page.wait_for_url(f"{server.hls}/")


@contextmanager
def two_sources(server: Server, folder: Path) -> Iterator[Event]:
    """A browser's broadcast: 72 lines, and twice as many once the event is set; it ends with the block."""
    larger, over = Event(), Event()
    small, large = film(folder, "128x72"), film(folder, "256x144")

    def send() -> None:
        client = Resumable.start(server)
        send_until(client, small, larger)
        client.say("epoch", epoch=1, mime="video/x-matroska")
        send_until(client, large, over)
        client.finish()

    thread = Thread(target=send)
    thread.start()
    try:
        yield larger
    finally:
        larger.set()
        over.set()
        thread.join(PATIENCE)


def film(folder: Path, size: str) -> bytes:
    """As a browser records it."""
    sources = [f"testsrc2=size={size}:rate=30", "sine"]
    inputs = [word for one in sources for word in ("-f", "lavfi", "-t", str(FILM_SECONDS), "-i", one)]
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-pix_fmt", "yuv420p"]
    codecs = [*video, "-g", "60", "-c:a", "libopus"]
    file = folder / f"{size}.mkv"
    live = ["-live", "1", "-cluster_time_limit", "500"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, *codecs, *live, str(file)], check=True)
    return file.read_bytes()


def send_until(client: Resumable, data: bytes, enough: Event) -> None:
    """In real time."""
    step = 2048
    for start in range(0, len(data), step):
        client.send(data[start : start + step])
        if enough.wait(step * FILM_SECONDS / len(data)):
            return


def test_offline_then_live_with_another_ladder_and_encoder_then_over_all_by_itself(
    viewer: BrowserContext, server: Server, tmp_path: Path
) -> None:
    other = server.on("demo1")
    soon = datetime.now(UTC) + timedelta(hours=2, minutes=5)
    with administrator(server) as api:
        good(api.patch("/channels/demo1", json={"next_at": soon.isoformat(), "next_title": "The late show"}))
    page = opened(viewer, server.hls, "/watch/demo1")
    expect(page.get_by_test_id("curtain-title")).to_have_text("Offline")
    expect(page.get_by_test_id("next")).to_contain_text("The late show")
    expect(page.get_by_test_id("next")).to_contain_text("Begins in 2 h")
    page.evaluate("window.stayed = true")
    with two_sources(other, tmp_path) as larger:
        state(page, "playing")
        wait_for("72 lines", lambda: player(page, "videoHeight") == 72)
        larger.set()
        wait_for("144 lines", lambda: player(page, "videoHeight") == 144)  # another generation and ladder
        live = other.wait_for("a poster", lambda one: one["poster"] is not None)
        other.encoder(live["id"]).kill()
        other.wait_for("another encoder", lambda one: one["encoder"]["restarts"] > 0)
        other.wait_for("more of it", lambda one: one["media_time"] > live["media_time"] + 3)
        wait_for("an edge that is near", lambda: behind(page) < 10)
        moves(page)
        assert page.evaluate("window.stayed")
    other.wait_state("ended")
    state(page, "ended")
    expect(page.get_by_test_id("curtain-title")).to_have_text("The broadcast is over")
    page.get_by_test_id("curtain-action").click()
    state(page, "playing")
    expect(page.get_by_test_id("position")).to_contain_text(" / ")
