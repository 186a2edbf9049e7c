// What the page remembers. Storage may be full, or forbidden: then the page forgets, and works.

/** @param {() => Storage} storage */
function remembering(storage) {
  return {
    /** @param {string} key @returns {string | null} */
    get(key) {
      try {
        return storage().getItem(`ingestd.${key}`);
      } catch {
        return null;
      }
    },
    /** @param {string} key @param {string} value */
    set(key, value) {
      try {
        storage().setItem(`ingestd.${key}`, value);
      } catch {
        // see above
      }
    },
    /** @param {string} key */
    remove(key) {
      try {
        storage().removeItem(`ingestd.${key}`);
      } catch {
        // see above
      }
    },
  };
}

/** Preferences: volume, devices, the last title. */
export const preferences = remembering(() => localStorage);

/** Secrets: gone with the tab. */
export const secrets = remembering(() => sessionStorage);
