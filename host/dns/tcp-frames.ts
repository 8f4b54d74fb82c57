/** A message with its length before it. @see RFC 1035 section 4.2.2 */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(message.length + 2);
  framed[0] = message.length >>> 8;
  framed[1] = message.length & 255;
  framed.set(message, 2);
  return framed;
}

/** Cuts a stream into messages. Holds at most one incomplete message, 64 KiB. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  push(bytes: Uint8Array): readonly Uint8Array[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (all.length - at >= 2) {
      const size = (all[at] ?? 0) * 256 + (all[at + 1] ?? 0);
      if (all.length - at - 2 < size) break;
      messages.push(all.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
    this.#rest = all.slice(at);
    return messages;
  }
}
