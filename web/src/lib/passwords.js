// A first password for somebody else, to be read out or copied.

// Without those that are taken for one another: 0 o, 1 l i.
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP_LENGTH = 4;

/** 16 of 31 letters: 79 bits. @param {(bytes: Uint8Array) => Uint8Array} [fill] with random bytes */
export function suggestPassword(fill = (bytes) => crypto.getRandomValues(bytes)) {
  const groups = Array.from({ length: GROUPS }, () => Array.from({ length: GROUP_LENGTH }, () => letter(fill)).join(""));
  return groups.join("-");
}

/** All are as likely: a byte beyond the last whole round is thrown again. @param {(bytes: Uint8Array) => Uint8Array} fill */
function letter(fill) {
  const whole = 256 - (256 % LETTERS.length);
  for (;;) {
    const [byte = 0] = fill(new Uint8Array(1));
    if (byte < whole) return LETTERS[byte % LETTERS.length];
  }
}
