// Cast: a receiver fetches the stream itself, by its address. The player's own element has none (it has a
// Media Source), so a second one, which loads nothing here, stands for it before the browser.

/** @typedef {Pick<HTMLVideoElement, "remote" | "src" | "preload" | "play" | "pause">} Stand */

/**
 * The library's button asks `video.remote` whether there is a receiver, and to choose one.
 * @param {Pick<HTMLVideoElement, "pause">} video
 * @param {{ onbegin: () => void, onend: () => void }} events
 * @param {Stand} [stand]
 * @returns {(address: string) => void} to be told what is played
 */
export function offerCast(video, { onbegin, onend }, stand = document.createElement("video")) {
  // Apple's own way is another (engine-hls.js), and its video.remote tells of that
  if (!stand.remote || "WebKitPlaybackTargetAvailabilityEvent" in globalThis) return () => {};
  stand.preload = "none";
  Object.defineProperty(video, "remote", { get: () => stand.remote });
  stand.remote.addEventListener("connect", () => {
    video.pause();
    stand.play().catch(() => {}); // the receiver says itself what it cannot play
    onbegin();
  });
  stand.remote.addEventListener("disconnect", () => {
    stand.pause();
    onend();
  });
  return (address) => {
    if (stand.src !== address) stand.src = address;
  };
}
