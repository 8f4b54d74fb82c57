/** What the forward protocol needs of MessagePack. @see MessagePack specification, Formats */
export type Packable =
  | string
  | number
  | EventTime
  | readonly Packable[]
  | ReadonlyMap<string, Packable>
  | Buffer;

/** fluentd's time with nanoseconds, extension type 0. @see Fluentd Forward Protocol Specification v1, EventTime */
export interface EventTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Numbers are whole, from 0 to 2^32-1; bytes are packed as text, as dockerd does. */
export function pack(value: Packable): Buffer {
  const parts: Buffer[] = [];
  add(value, parts);
  return Buffer.concat(parts);
}

function add(value: Packable, parts: Buffer[]): void {
  if (typeof value === "string") addText(Buffer.from(value), parts);
  else if (typeof value === "number") parts.push(uint32(0xd2, value));
  else if (Buffer.isBuffer(value)) addText(value, parts);
  else if (value instanceof Map) {
    parts.push(head(value.size, 0x80, 15, [undefined, 0xde, 0xdf]));
    for (const [key, item] of value) {
      add(key, parts);
      add(item, parts);
    }
  } else if (isList(value)) {
    parts.push(head(value.length, 0x90, 15, [undefined, 0xdc, 0xdd]));
    for (const item of value) add(item, parts);
  } else {
    const { seconds, nanoseconds } = value as EventTime;
    const bytes = Buffer.from([0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeUInt32BE(seconds, 2);
    bytes.writeUInt32BE(nanoseconds, 6);
    parts.push(bytes);
  }
}

function isList(value: Packable): value is readonly Packable[] {
  return Array.isArray(value);
}

function addText(bytes: Buffer, parts: Buffer[]): void {
  parts.push(head(bytes.length, 0xa0, 31, [0xd9, 0xda, 0xdb]), bytes);
}

function head(
  size: number,
  fixed: number,
  mostFixed: number,
  [tiny, small, large]: readonly [number | undefined, number, number],
): Buffer {
  if (size <= mostFixed) return Buffer.from([fixed | size]);
  if (size <= 0xff && tiny !== undefined) return Buffer.from([tiny, size]);
  if (size <= 0xffff) return Buffer.from([small, size >> 8, size & 0xff]);
  return uint32(large, size);
}

function uint32(kind: number, value: number): Buffer {
  const bytes = Buffer.from([kind, 0, 0, 0, 0]);
  bytes.writeUInt32BE(value, 1);
  return bytes;
}
