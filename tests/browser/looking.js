// What test_pages.py asks of a page that it looks at: each function answers with what is wrong.
const jumps = [];
new PerformanceObserver((list) => {
  const unasked = list.getEntries().filter(({ hadRecentInput }) => !hadRecentInput);
  jumps.push(...unasked.flatMap(({ sources }) => sources.map(({ node }) => node)));
}).observe({ type: "layout-shift", buffered: true });

window.looking = {
  /** What has jumped without anybody's doing. Controls come and go over a picture, which stays where it is. */
  moved() {
    const elements = jumps.map((node) => (node instanceof Element ? node : node?.parentElement)).filter(Boolean);
    return elements.filter((it) => !it.closest(".theatre")).map(words);
  },

  /** What axe-core finds that is serious or critical. */
  async inaccessible() {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    return bad.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
  },

  /** What sticks out, where a page has to be moved sideways to be read. */
  async sideways() {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const { scrollWidth } = document.scrollingElement;
    if (scrollWidth <= innerWidth) return [];
    const out = [...document.body.querySelectorAll("*")].filter((it) => {
      const { left, right, width } = it.getBoundingClientRect();
      return width > 1 && (left < -1 || right > innerWidth + 1);
    });
    return [`${scrollWidth} of ${innerWidth}`, ...out.slice(-3).map(words)];
  },

  moving() {
    const running = document.getAnimations().filter(({ playState }) => playState === "running");
    return running.map(({ effect }) => words(effect.target));
  },

  /** Before the first of all that the Tab key leads to. */
  begin() {
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  },

  /** Where the Tab key has led: "" to a thing that can be seen, "over" once round. */
  step() {
    const it = document.activeElement;
    if (it === last) return ""; // within it: a day, a month
    if (!it || it === document.body || walked.has(it)) return "over";
    walked.add((last = it));
    const { width, height } = it.getBoundingClientRect();
    const seen = it.checkVisibility({ visibilityProperty: true }) && width > 0 && height > 0;
    return seen ? "" : `not to be seen: ${words(it)}`;
  },

  /** What can be used, and no Tab key led to. */
  missed() {
    const all = document.querySelectorAll("a[href], button, select, textarea, summary, input:not([type=radio])");
    const usable = [...all].filter((it) => it.tabIndex >= 0 && !it.matches(":disabled") && !walked.has(it));
    return usable.filter((it) => it.checkVisibility({ visibilityProperty: true })).map((it) => `not reached: ${words(it)}`);
  },
};

const walked = new Set();
let last = null;

function words(element) {
  return element.outerHTML.slice(0, 200);
}
