// Timers that do not sleep: in a hidden tab a page's own fall to once a second, or to once a
// minute; those of a worker do not.

/** @type {Map<number, ReturnType<typeof setTimeout>>} */
const running = new Map();

addEventListener("message", ({ data: { timer, ms } }) => {
  clearTimeout(running.get(timer));
  running.delete(timer);
  if (ms !== null) running.set(timer, setTimeout(() => due(timer), ms));
});

/** @param {number} timer */
function due(timer) {
  running.delete(timer);
  postMessage(timer);
}
