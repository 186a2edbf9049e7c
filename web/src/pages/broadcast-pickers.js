// Which camera and which microphone. The lists follow what is plugged in and out.
import { choices, vanished } from "../lib/devices.js";
import { byId, setOptions, show } from "../lib/dom.js";
import { preferences } from "../lib/store.js";

/** @typedef {{ camera: string, microphone: string }} Ids */

/**
 * @typedef {object} PickersListener
 * @property {() => void} camera another one was chosen
 * @property {() => void} microphone
 * @property {() => void} flip the other side of a phone, or the next camera
 * @property {() => void} plugged something was plugged in or out
 */

const CAMERA_WORDS = { fallback: "Camera", none: "No camera, sound only", missing: "No camera found" };
const MICROPHONE_WORDS = { fallback: "Microphone", none: "No microphone", missing: "No microphone found" };

export class Pickers {
  #camera = byId("camera", HTMLSelectElement);
  #microphone = byId("mic", HTMLSelectElement);
  #flip = byId("flip-camera", HTMLButtonElement);
  /** @type {MediaDeviceInfo[]} */
  #devices = [];

  /** @param {PickersListener} listener */
  constructor(listener) {
    this.#listen(this.#camera, "camera", listener.camera);
    this.#listen(this.#microphone, "microphone", listener.microphone);
    this.#flip.addEventListener("click", listener.flip);
    navigator.mediaDevices?.addEventListener("devicechange", listener.plugged);
  }

  get camera() {
    return this.#camera.value;
  }

  get microphone() {
    return this.#microphone.value;
  }

  /** What is said to be chosen; those that are not there any more are not. @param {Ids} ids */
  set chosen({ camera, microphone }) {
    this.#camera.value = camera;
    this.#microphone.value = microphone;
  }

  /**
   * Names come with the permission, so the lists are made again after each opening. One that is in
   * use is chosen, or the one chosen here, or the one chosen last time; and where that is not there,
   * the first.
   * @param {Ids} used @param {string} facing of a camera that is open
   */
  async list(used, facing) {
    this.#devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => null)) ?? [];
    const wanted = (/** @type {string} */ id, /** @type {HTMLSelectElement} */ select, /** @type {string} */ name) => id || select.value || (preferences.get(name) ?? "");
    const cameras = choices(this.#devices, "videoinput", CAMERA_WORDS);
    setOptions(this.#camera, cameras, wanted(used.camera, this.#camera, "camera"));
    setOptions(this.#microphone, choices(this.#devices, "audioinput", MICROPHONE_WORDS), wanted(used.microphone, this.#microphone, "microphone"));
    show(this.#flip, facing !== "" || cameras.length > 2); // one of them is none
  }

  /** Which of those that are in use are not there any more. @param {Ids} used */
  gone(used) {
    return {
      camera: vanished(this.#devices, "videoinput", used.camera),
      microphone: vanished(this.#devices, "audioinput", used.microphone),
    };
  }

  /** The next camera is chosen. */
  turn() {
    const count = this.#camera.options.length - 1; // the last one is none
    if (count > 0) this.#camera.selectedIndex = (this.#camera.selectedIndex + 1) % count;
    preferences.set("camera", this.camera);
  }

  /** @param {HTMLSelectElement} select @param {string} name @param {() => void} chosen */
  #listen(select, name, chosen) {
    select.addEventListener("change", () => (preferences.set(name, select.value), chosen()));
  }
}
