// What OBS Studio has to know.

/** @typedef {import("./types.js").Channel} Channel */

const RTMP_PORT = 1935;

/** @param {Pick<Channel, "rtmp">} channel @param {string} hostname by which this page was reached */
export function rtmpServer({ rtmp }, hostname) {
  return rtmp?.tls_server ?? rtmp?.server ?? `rtmp://${hostname}:${RTMP_PORT}/live`;
}

/**
 * `service.json` of an OBS profile: where the profile streams to.
 * @param {string} server @param {string} key
 */
export function serviceFile(server, key) {
  return `${JSON.stringify({ type: "rtmp_custom", settings: { server, key, use_auth: false } }, null, 2)}\n`;
}

/**
 * One line for a shell. A key holds nothing that a shell would read as anything else.
 * @param {string} server @param {string} key
 */
export function ffmpegCommand(server, key) {
  return `ffmpeg -re -i video.mp4 -c:v libx264 -g 60 -pix_fmt yuv420p -c:a aac -f flv '${server}/${key}'`;
}
