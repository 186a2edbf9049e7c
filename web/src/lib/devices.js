// Cameras and microphones, as a select lists them.

/** @typedef {{ value: string, label: string }} Choice */

/** Chosen by the person: no such device wanted. */
export const NONE = "none";
/** There is no such device. When one is plugged in, it is chosen by itself. */
export const MISSING = "missing";

/** @param {string} value */
export function isDevice(value) {
  return value !== NONE && value !== MISSING;
}

/**
 * Before the person has allowed the use of devices, browsers tell that there are some, and name
 * none of them: then the one choice is the browser's own.
 * @param {readonly { kind: string, deviceId: string, label: string }[]} devices
 * @param {"videoinput" | "audioinput"} kind
 * @param {{ fallback: string, none: string, missing: string }} words
 * @returns {Choice[]}
 */
export function choices(devices, kind, words) {
  const present = devices.filter((device) => device.kind === kind);
  if (present.length === 0) return [{ value: MISSING, label: words.missing }];
  const named = present.filter((device) => device.deviceId !== "");
  const listed = named.map(({ deviceId, label }, index) => ({
    value: deviceId,
    label: label || `${words.fallback} ${index + 1}`,
  }));
  const first = listed.length > 0 ? listed : [{ value: "", label: words.fallback }];
  return [...first, { value: NONE, label: words.none }];
}

/**
 * Whether a device that is in use is there no more. Not every browser ends its track then.
 * @param {readonly { kind: string, deviceId: string }[]} devices
 * @param {"videoinput" | "audioinput"} kind
 * @param {string} id empty: nothing is in use, or it is not known
 */
export function vanished(devices, kind, id) {
  const present = devices.filter((device) => device.kind === kind);
  const named = present.length === 0 || present.some((device) => device.deviceId !== "");
  return id !== "" && named && !present.some((device) => device.deviceId === id);
}
