// How long a viewer looked at nothing: from the click on a link to the first picture.

/** @typedef {Pick<HTMLVideoElement, "requestVideoFrameCallback" | "addEventListener">} Shown */

/**
 * @param {Shown} video
 * @param {(milliseconds: number) => void} done once, with the time since navigation began
 */
export function measureFirstFrame(video, done) {
  const shown = () => done(Math.round(performance.now()));
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(shown);
  else video.addEventListener("loadeddata", shown, { once: true });
}
