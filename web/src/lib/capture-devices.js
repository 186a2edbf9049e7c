// Cameras, microphones and screens, as the browser gives them.
import { PublishError } from "./publish-errors.js";

/** The size that is wanted; of the picture's short side. @typedef {{ height: number, frameRate: number }} Shape */

/** @returns {MediaDevices} */
export function mediaDevices() {
  if (navigator.mediaDevices === undefined) throw new PublishError("not_secure");
  return navigator.mediaDevices;
}

/** @param {string} microphone */
export async function openMicrophone(microphone) {
  const media = await mediaDevices().getUserMedia({ audio: audioConstraints(microphone) });
  return media.getTracks();
}

/** @param {MediaStreamTrack[]} tracks */
export function stopAll(tracks) {
  for (const track of tracks) track.stop();
}

/** @param {MediaStreamTrack | undefined} track */
export function idOf(track) {
  return track?.getSettings().deviceId ?? "";
}

/** `facing` asks for a side of a phone instead of a device. @param {Shape & { camera: string, facing?: string }} choice @returns {MediaTrackConstraints} */
export function cameraConstraints({ camera, facing = "", ...shape }) {
  return { ...(facing === "" ? device(camera) : { facingMode: { ideal: facing } }), ...cameraSize(shape) };
}

/** A phone that is held upright turns it: width and height are those of the sensor. @param {Shape} shape @returns {MediaTrackConstraints} */
export function cameraSize({ height, frameRate }) {
  const width = Math.round((height * 16) / 9);
  return { height: { ideal: height }, width: { ideal: width }, frameRate: { ideal: frameRate, max: frameRate } };
}

/** @param {Shape} shape @returns {MediaTrackConstraints} */
export function screenSize({ height, frameRate }) {
  return { frameRate, height: { max: height } };
}

/** @param {string} id @returns {MediaTrackConstraints} */
export function audioConstraints(id) {
  return { ...device(id), echoCancellation: true, noiseSuppression: true, autoGainControl: true };
}

/** @param {string} id "" for the browser's own choice @returns {MediaTrackConstraints} */
function device(id) {
  return id === "" ? {} : { deviceId: { exact: id } };
}
