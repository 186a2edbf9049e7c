// What a broadcast comes to, in figures: for the graph while it goes on, for the record afterwards.

export class Tally {
  /** Bytes that were handed to connections; what one is sent again counts again. */
  sentBytes = 0;
  /** Bytes that stand in the playlist. */
  safeBytes = 0;
  /** Seconds from the recorder to the playlist, as of the newest acknowledgement that left something. @type {number | null} */
  lagSeconds = null;
  /** Seconds that were recorded and stand in no playlist, now that it is over. */
  lostSeconds = 0;
  /** Ids: of one, or of those that followed when it was over. @type {string[]} */
  broadcasts = [];

  /** Of the server's playlist: what one segment takes. */
  segmentSeconds = 0;

  /** @param {string | null} id as the server names it; "" or null: not yet @param {number} segment seconds; 0: it does not say */
  ready(id, segment) {
    this.segmentSeconds = segment;
    if (id && !this.broadcasts.includes(id)) this.broadcasts = [...this.broadcasts, id];
  }

  /** @param {number} bytes */
  sent(bytes) {
    this.sentBytes += bytes;
  }

  /** @param {number} bytes that are kept no more @param {number} left seconds that are not safe at this moment */
  acked(bytes, left) {
    this.safeBytes += bytes;
    if (left > 0) this.lagSeconds = left;
  }

  /** It is over. @param {number} seconds */
  lost(seconds) {
    this.lostSeconds = seconds;
  }
}
