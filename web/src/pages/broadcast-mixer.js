// The sound of each input: how loud it is, how loud it should be, whether it is heard.
import { byId, inside, setAttribute, setText, show } from "../lib/dom.js";
import { Meter } from "../lib/meter.js";
import { preferences } from "../lib/store.js";

/** @typedef {import("../lib/mixer.js").AudioMixer} AudioMixer */
/** @typedef {import("../lib/mixer.js").StripName} StripName */
/** @typedef {import("../lib/air.js").Kind} Kind */

/** What there is to be heard, and what comes with the picture. @type {Record<Kind, { strips: StripName[], sound: string }>} */
const SOUNDS = {
  camera: { strips: ["voice"], sound: "" },
  screen: { strips: ["voice", "sound"], sound: "Tab or computer" },
  file: { strips: ["sound"], sound: "File" },
  test: { strips: ["sound"], sound: "Tone" },
};
const PERCENT = 100;
const LOUD_WORDS = "Too loud: the sound is distorted. Turn something down.";

/** One row. Its setting outlives the sources, which have a mixer each. */
class Strip {
  #meter = new Meter();
  #muted = false;
  #name;
  #root;
  #slider;
  #button;
  #bar;
  #hold;
  #changed;

  /** @param {StripName} name @param {(strip: Strip) => void} changed */
  constructor(name, changed) {
    this.#name = name;
    this.#changed = changed;
    this.#root = inside(document.documentElement, `[data-strip="${name}"]`, HTMLElement);
    this.#slider = inside(this.#root, "input", HTMLInputElement);
    this.#button = inside(this.#root, "button", HTMLButtonElement);
    this.#bar = inside(this.#root, ".meter-bar", HTMLElement);
    this.#hold = inside(this.#root, ".meter-hold", HTMLElement);
    this.#slider.value = preferences.get(`volume.${name}`) ?? String(PERCENT);
    this.#slider.addEventListener("input", () => this.#slid());
    this.#button.addEventListener("click", () => this.#toggle());
    this.#render();
  }

  /** @param {AudioMixer} mixer */
  applyTo(mixer) {
    mixer.set(this.#name, { percent: Number(this.#slider.value), muted: this.#muted });
  }

  /** @param {boolean} shown */
  show(shown) {
    show(this.#root, shown);
  }

  /** Nothing is heard. */
  rest() {
    this.#meter = new Meter();
    this.#drawn(0);
  }

  /** @param {AudioMixer} mixer @param {number} now */
  draw(mixer, now) {
    this.#meter.note(now, mixer.peakOf(this.#name));
    this.#drawn(now);
  }

  /** @param {number} now */
  #drawn(now) {
    this.#bar.style.transform = `scaleX(${this.#meter.level.toFixed(3)})`;
    this.#hold.style.transform = `translateX(${((this.#meter.hold - 1) * 100).toFixed(1)}%)`;
    setAttribute(this.#root, "data-clipped", String(this.#meter.clipped(now)));
  }

  /** @param {string} words */
  set label(words) {
    setText(inside(this.#root, ".strip-name", HTMLElement), words);
  }

  #slid() {
    preferences.set(`volume.${this.#name}`, this.#slider.value);
    this.#render();
    this.#changed(this);
  }

  #toggle() {
    this.#muted = !this.#muted;
    this.#render();
    this.#changed(this);
  }

  #render() {
    setAttribute(this.#slider, "aria-valuetext", `${this.#slider.value} %`);
    setAttribute(this.#button, "aria-pressed", String(this.#muted));
    const icons = this.#name === "voice" ? ["mic", "mic-off"] : ["volume", "muted"];
    inside(this.#button, "use", SVGUseElement).setAttribute("href", `/assets/icons.svg#${icons[Number(this.#muted)]}`);
  }
}

/** Meters are drawn only while something is open, and are never read out: a warning is, once for a while. */
export class MixerPanel {
  /** @type {AudioMixer | null} */
  #mixer = null;
  #sum = new Meter();
  #strips;
  #drawing = 0;

  constructor() {
    const changed = (/** @type {Strip} */ strip) => this.#mixer && strip.applyTo(this.#mixer);
    this.#strips = { voice: new Strip("voice", changed), sound: new Strip("sound", changed) };
  }

  /** Before it is heard. @param {AudioMixer} mixer */
  apply(mixer) {
    for (const strip of Object.values(this.#strips)) strip.applyTo(mixer);
  }

  /** Before anything is open, there is what is to be expected: so nothing moves when it opens. @param {AudioMixer | null} mixer of the source that is open @param {Kind} kind */
  attach(mixer, kind) {
    const other = mixer !== this.#mixer;
    if (other) this.#sum = new Meter();
    this.#mixer = mixer;
    const { strips, sound } = SOUNDS[kind];
    this.#strips.sound.label = sound;
    if (mixer !== null) this.apply(mixer);
    let any = false;
    for (const [name, strip] of Object.entries(this.#strips)) {
      const key = /** @type {StripName} */ (name);
      const shown = mixer?.has(key) ?? strips.includes(key);
      any ||= shown;
      strip.show(shown);
      if (other) strip.rest();
    }
    show(byId("mixer", HTMLElement), any);
    cancelAnimationFrame(this.#drawing);
    this.#warn("");
    this.#draw();
  }

  #draw() {
    const mixer = this.#mixer;
    if (mixer === null) return;
    const now = performance.now();
    for (const strip of Object.values(this.#strips)) strip.draw(mixer, now);
    this.#sum.note(now, mixer.peak);
    this.#warn(this.#sum.clipped(now) ? LOUD_WORDS : "");
    this.#drawing = requestAnimationFrame(() => this.#draw());
  }

  /** @param {string} words */
  #warn(words) {
    setText(byId("loud", HTMLElement), words);
  }
}
