// What can go wrong in the browser on the way to being live, in words.

/** @type {Record<string, string>} */
const MESSAGES = {
  permission_denied: "The browser was not allowed to use the camera or the microphone. Allow it in the address bar, then try again.",
  screen_cancelled: "Nothing was chosen to share. Try again and pick a screen, a window or a tab.",
  no_device: "No camera or microphone was found. Plug one in, or choose another source.",
  device_busy: "The camera or the microphone is in use by another program. Close it there, then try again.",
  device_gone: "The chosen camera or microphone is not there any more. Choose another one.",
  not_secure: "Browsers give the camera only to pages by HTTPS or on localhost. Open this page by HTTPS.",
  no_screen: "This browser cannot share its screen. Choose the camera, or use a desktop browser.",
  no_file: "Choose a video file first.",
  file_not_playable: "This browser cannot play the file. Try an MP4 (H.264) or a WebM file.",
  file_not_capturable: "This browser cannot broadcast a file. Use Chrome, Edge or Firefox.",
  nothing_chosen: "There is no camera and no microphone to record. Plug one in, choose one, or choose another source.",
  no_recorder: "This browser cannot record video. Use a current Chrome, Edge, Firefox or Safari.",
  recorder_failed: "The browser's recorder gave up. Try again, perhaps with a lower quality.",
  not_switched: "Nothing has changed: what was on air goes on.",
  other_media: "By WebRTC, sound alone and pictures cannot take each other’s place while live.",
  source_ended: "The source is gone.",
  camera_lost: "The camera was disconnected. Viewers see a card that says so, and hear you; it comes back by itself when it is plugged in again.",
  camera_muted: "The camera gives no picture at the moment. Viewers see a card that says so, until it does.",
  camera_replaced: "The camera was disconnected: another one has taken its place.",
  inset_lost: "The camera was disconnected: viewers see the screen alone.",
  voice_lost: "The microphone was disconnected. The broadcast goes on without it; plug it in again, or choose another one.",
  voice_replaced: "The microphone was disconnected: another one has taken its place.",
  screen_lost: "Sharing the screen was stopped: viewers see your camera.",
  share_stopped: "Sharing the screen was stopped. Viewers see a card, and hear your microphone: share something else, choose another source, or stop the broadcast.",
  file_left_out: "This browser cannot play one of the files; it is left out.",
  signed_out: "You are not signed in any more. Sign in again, then go live.",
  no_permission: "The server does not let you broadcast now.",
  bad_link: "The token has characters that no token has. Paste the whole broadcast link again.",
  unexpected: "Something unexpected went wrong in the browser.",
};

/** @type {Record<string, string>} */
const BY_NAME = {
  NotAllowedError: "permission_denied",
  SecurityError: "permission_denied",
  NotFoundError: "no_device",
  NotReadableError: "device_busy",
  AbortError: "device_busy",
  OverconstrainedError: "device_gone",
  SyntaxError: "bad_link",
  NotSupportedError: "no_recorder",
};

export class PublishError extends Error {
  /** @param {string} code @param {string} [detail] */
  constructor(code, detail = "") {
    const words = MESSAGES[code] ?? /** @type {string} */ (MESSAGES.unexpected);
    super(detail === "" ? words : `${words} (${detail})`);
    this.code = code;
  }

  /** Whatever was thrown, as one of ours. @param {unknown} error */
  static from(error) {
    if (error instanceof PublishError) return error;
    const name = error instanceof Error || error instanceof DOMException ? error.name : "";
    const code = BY_NAME[name];
    if (code !== undefined) return new PublishError(code);
    return new PublishError("unexpected", error instanceof Error ? error.message : String(error));
  }
}
