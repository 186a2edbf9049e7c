// The quality, with what it asks of the upload and of this device.
import { byId, setText } from "../lib/dom.js";
import { AUTO, autoLabel, presetHint, presetName, qualityOf } from "../lib/presets.js";
import { chooseType } from "../lib/recording.js";
import { preferences } from "../lib/store.js";

export class QualityField {
  #select = byId("quality", HTMLSelectElement);
  /** @type {number | null} */
  #upload = null;
  #drawn = false;
  /** What this browser records, which is not asked each time. */
  #mimeType = typeof MediaRecorder === "undefined" ? "" : (chooseType(true, (type) => MediaRecorder.isTypeSupported(type)) ?? "");

  /** @param {() => void} chosen */
  constructor(chosen) {
    this.#select.value = presetName(preferences.get("quality") ?? AUTO);
    this.#select.addEventListener("change", () => {
      preferences.set("quality", this.#select.value);
      this.#render();
      chosen();
    });
    this.#render();
  }

  get name() {
    return this.#select.value;
  }

  set name(name) {
    this.#select.value = name;
    this.#render();
  }

  get quality() {
    return qualityOf(this.#select.value, this.#upload);
  }

  /** As it was measured, in bits per second. */
  get upload() {
    return this.#upload;
  }

  set upload(upload) {
    this.#upload = upload;
    this.#render();
  }

  /** Whether the picture is put together in this page, which costs more. @param {boolean} drawn */
  set drawn(drawn) {
    this.#drawn = drawn;
    this.#render();
  }

  #render() {
    const auto = this.#select.options.namedItem("quality-auto");
    if (auto !== null) setText(auto, autoLabel(this.#upload));
    const cores = navigator.hardwareConcurrency || 2;
    const facts = { upload: this.#upload, cores, mimeType: this.#mimeType, drawn: this.#drawn };
    setText(byId("quality-hint", HTMLElement), presetHint(this.#select.value, facts));
  }
}
