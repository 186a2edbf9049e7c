/** Something that a person typed or chose cannot be taken; the text says so to them. */
export class Fault extends Error {}
