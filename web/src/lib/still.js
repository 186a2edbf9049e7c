// The last picture stands while another engine takes over the video element, which shows nothing meanwhile.

const MOST_MS = 5000; // after that something has gone wrong, and an old picture is no help

/** Behind the element, which is transparent without a picture. @param {HTMLVideoElement} video */
export function hold(video) {
  const { videoWidth, videoHeight } = video;
  const place = video.closest(".theatre");
  if (place === null || videoWidth === 0) return;
  place.querySelector(".still")?.remove();
  const still = Object.assign(document.createElement("canvas"), { className: "still", width: videoWidth, height: videoHeight });
  still.setAttribute("aria-hidden", "true");
  still.getContext("2d")?.drawImage(video, 0, 0);
  place.prepend(still);
  const remove = () => still.remove();
  setTimeout(remove, MOST_MS);
  video.addEventListener("loadeddata", () => (video.requestVideoFrameCallback ? video.requestVideoFrameCallback(remove) : remove()), { once: true });
}
