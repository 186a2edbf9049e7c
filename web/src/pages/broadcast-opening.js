// Opens what is chosen.
import { openTest } from "../lib/drawn-source.js";
import { openFile } from "../lib/file-source.js";
import { PublishError } from "../lib/publish-errors.js";
import { openScreen } from "../lib/screen-source.js";
import { openCamera } from "../lib/sources.js";

/** @typedef {import("../lib/sources.js").OpenSource} OpenSource */
/** @typedef {import("../lib/air.js").Kind} Kind */

/**
 * @typedef {object} Fields
 * @property {import("./broadcast-pickers.js").Pickers} pickers
 * @property {import("./broadcast-files.js").FilesField} files
 * @property {import("./broadcast-inset.js").InsetField} inset
 * @property {import("./broadcast-quality.js").QualityField} quality
 * @property {(problem: PublishError) => void} problem
 */

export class Opening {
  /** The side of a phone, where that was asked for. */
  facing = "";
  #fields;

  /** @param {Fields} fields */
  constructor(fields) {
    this.#fields = fields;
  }

  /** @param {Kind} kind @param {OpenSource | null} old which is open still @returns {Promise<OpenSource>} */
  async open(kind, old) {
    switch (kind) {
      case "camera":
        return this.camera(old);
      case "screen":
        return this.#screen();
      case "test":
        return openTest(this.#fields.quality.quality);
      case "file":
        return openFile(await this.#fields.files.open(), this.#fields.quality.quality);
    }
  }

  /** A phone opens one camera at a time: where the new one is refused, the old one makes way. @param {OpenSource | null} old */
  async camera(old) {
    const { pickers, quality } = this.#fields;
    const choice = { ...quality.quality, camera: pickers.camera, microphone: pickers.microphone, facing: this.facing };
    try {
      return await openCamera(choice);
    } catch (error) {
      if (PublishError.from(error).code !== "device_busy" || !old?.yieldCamera()) throw error;
      return openCamera(choice);
    }
  }

  /** Without its camera in the corner it is still what was asked for. */
  async #screen() {
    const { pickers, quality, inset, problem } = this.#fields;
    const source = await openScreen({ ...quality.quality, microphone: pickers.microphone });
    if (!inset.on) return source;
    await source.showCamera(pickers.camera, inset.look).catch((error) => {
      inset.off();
      problem(PublishError.from(error));
    });
    return source;
  }
}
