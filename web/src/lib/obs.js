// What OBS Studio has to know.

/** @typedef {import("./types.js").Rtmp} Rtmp */

const LOCAL = /^(localhost|127\.[\d.]+|\[::1\])$/;

/**
 * With RTMPS where there is some. A `far` page is on another machine than the only one that reaches the server.
 * @param {Rtmp} rtmp @param {string} hostname by which this page was reached
 */
export function rtmpServer({ host, port, tls_port, local }, hostname) {
  if (tls_port) return { server: `rtmps://${host ?? hostname}:${tls_port}/live`, far: false };
  if (local) return { server: `rtmp://localhost:${port}/live`, far: !LOCAL.test(hostname) };
  return { server: `rtmp://${host ?? hostname}:${port}/live`, far: false };
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
