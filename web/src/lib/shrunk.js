// A picture as the server takes it: phones make larger ones.
import { Fault } from "./fault.js";

const MOST_BYTES = 2 * 1024 * 1024;
const TAKEN = ["image/jpeg", "image/png", "image/webp"];
const [WIDTH, HEIGHT] = [1280, 720];
const QUALITY = 0.9;

/**
 * As it is where it is small enough; else what this browser makes of it.
 * @param {Blob} chosen
 * @returns {Promise<Blob>}
 * @throws {Fault}
 */
export async function shrunk(chosen) {
  if (chosen.size <= MOST_BYTES && TAKEN.includes(chosen.type)) return chosen;
  const picture = await createImageBitmap(chosen).catch(() => null);
  if (picture === null) throw new Fault("This is no picture that this browser can read. Take a JPEG, a PNG or a WebP.");
  const { width, height } = fitting(picture.width, picture.height);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d");
  if (pen === null) throw new Fault("This picture is too large. It may have 2 MB.");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.drawImage(picture, 0, 0, width, height);
  picture.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

/** @param {number} width @param {number} height */
export function fitting(width, height) {
  const scale = Math.min(1, WIDTH / width, HEIGHT / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
