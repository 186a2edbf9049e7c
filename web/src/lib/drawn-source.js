// Sources that the page draws: a test picture, and what stands in for a camera that is gone.
import { openMicrophone } from "./capture-devices.js";
import { isDevice } from "./devices.js";
import { drawCard, drawTestPicture } from "./drawings.js";
import { DrawnPicture } from "./drawn.js";
import { canvasSize } from "./layout.js";
import { AudioMixer } from "./mixer.js";
import { OpenSource } from "./sources.js";

/** @typedef {import("./layout.js").Size} Size */
/** @typedef {import("./capture-devices.js").Shape} Shape */

const CARD_FRAME_RATE = 10; // nothing moves there, but a recorder wants frames
const WIDE = { width: 16_000, height: 9000 };

class DrawnSource extends OpenSource {
  #picture;
  #form;

  /** @param {AudioMixer} mixer @param {DrawnPicture} picture @param {{ shape: Shape, form: Size, voice?: MediaStreamTrack[] }} options */
  constructor(mixer, picture, { shape, form, voice }) {
    super(mixer, { tracks: [picture.track], voice, shape, farewell: "The picture is over." });
    this.#picture = picture;
    this.#form = form;
    this.drawn = true;
  }

  /** @override @param {Shape} shape @protected */
  async apply({ height }) {
    this.#picture.resize(canvasSize(this.#form, height));
  }

  /** @override */
  close() {
    super.close();
    this.#picture.close();
  }
}

/** Colour bars with a clock, and a short tone each second: to try everything without a device. @param {Shape} shape */
export async function openTest(shape) {
  const mixer = new AudioMixer();
  let second = -1;
  const picture = new DrawnPicture(canvasSize(WIDE, shape.height), shape.frameRate, (context) => {
    const now = new Date();
    drawTestPicture(context, now);
    if (now.getSeconds() !== second) mixer.pip();
    second = now.getSeconds();
  });
  await mixer.resume();
  return new DrawnSource(mixer, picture, { shape, form: WIDE });
}

/**
 * What viewers see while the camera is away. They hear the microphone, where it is still there.
 * @param {Shape & { microphone: string, form: Size | null, words: string }} options `form`: of the picture whose place it takes
 */
export async function openCard({ microphone, form, words, ...shape }) {
  const voice = isDevice(microphone) ? await openMicrophone(microphone).catch(() => []) : [];
  const size = form ?? WIDE;
  const picture = new DrawnPicture(canvasSize(size, shape.height), CARD_FRAME_RATE, (context) => drawCard(context, words));
  return new DrawnSource(new AudioMixer(), picture, { shape, form: size, voice });
}
