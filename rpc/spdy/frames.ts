/** @see SPDY Protocol, draft 3.1, section 2.2 */
export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const flagFin = 1;

export const resetStatus = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5 } as const;

const version = 3;
export const frameHeadBytes = 8;

export interface FrameHead {
  readonly isControl: boolean;
  /** Of a control frame. */
  readonly type: number;
  /** Of a data frame. */
  readonly streamId: number;
  readonly flags: number;
  readonly length: number;
}

export function parseHead(head: Buffer): FrameHead {
  const first = head.readUInt32BE(0);
  return {
    isControl: first >>> 31 === 1,
    type: first & 0xffff,
    streamId: first & 0x7fffffff,
    flags: head[4] ?? 0,
    length: head.readUIntBE(5, 3),
  };
}

export function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

export function dataHead(streamId: number, flags: number, length: number): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUInt32BE(streamId, 0);
  head[4] = flags;
  head.writeUIntBE(length, 5, 3);
  return head;
}

export function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
