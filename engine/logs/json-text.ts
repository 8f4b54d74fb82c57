// The text of a JSON string, on bytes: no JavaScript string is made of it.

const quote = 0x22;
const backslash = 0x5c;
const letterU = 0x75;

/** What follows the backslash → the byte it stands for; 0 where there is no such escape. */
const simpleEscapes = new Uint8Array(256);
for (const [escape, byte] of Object.entries({
  '"': 0x22,
  "\\": 0x5c,
  "/": 0x2f,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
}))
  simpleEscapes[escape.charCodeAt(0)] = byte;

/**
 * Writes the text between `from` and `to`, the inside of a JSON string, to `target` and returns where it ends there, or -1
 * when it is not the inside of a JSON string. The text never takes more room than the escaped form. A lone surrogate
 * becomes U+FFFD, as Go's decoder has it.
 *
 * @see RFC 8259, section 7
 */
export function unescapeInto(
  source: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number {
  let read = from;
  let write = at;
  while (read < to) {
    let byte = source[read] as number;
    while (byte !== backslash && byte !== quote) {
      target[write++] = byte;
      if (++read === to) return write;
      byte = source[read] as number;
    }
    if (byte === quote || read + 1 >= to) return -1;
    const simple = simpleEscapes[source[read + 1] as number] as number;
    if (simple !== 0) {
      target[write++] = simple;
      read += 2;
      continue;
    }
    const point = source[read + 1] === letterU ? codePoint(source, read, to) : -1;
    if (point < 0) return -1;
    read += point > 0xffff ? 12 : 6;
    write = writeUtf8(target, write, point);
  }
  return write;
}

/** Whether the inside of a JSON string that ends at `to` ends with an escaped line feed: `\n`, but not `\\n`. */
export function endsWithLineFeed(source: Uint8Array, from: number, to: number): boolean {
  if (to - from < 2 || source[to - 1] !== 0x6e) return false;
  let first = to - 1;
  while (first > from && source[first - 1] === backslash) first--;
  return (to - 1 - first) % 2 === 1;
}

/** Whether the bytes between are the inside of one JSON string: every quote in it is escaped. */
export function isStringInside(source: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = source[at];
    if (byte === quote) return false;
    if (byte === backslash && ++at >= to) return false;
  }
  return true;
}

/** Of the one or two `\u` escapes at `at`; -1 when there is none. */
function codePoint(source: Uint8Array, at: number, to: number): number {
  const unit = hexUnit(source, at + 2, to);
  if (unit < 0xd800 || unit > 0xdfff) return unit;
  if (unit >= 0xdc00 || source[at + 6] !== backslash || source[at + 7] !== letterU) return 0xfffd;
  const low = hexUnit(source, at + 8, to);
  return low >= 0xdc00 && low <= 0xdfff ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
}

function hexUnit(source: Uint8Array, at: number, to: number): number {
  if (at + 4 > to) return -1;
  let unit = 0;
  for (let index = at; index < at + 4; index++) {
    const digit = hexDigit(source[index] as number);
    if (digit < 0) return -1;
    unit = (unit << 4) | digit;
  }
  return unit;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function writeUtf8(target: Uint8Array, at: number, point: number): number {
  let write = at;
  if (point < 0x80) {
    target[write++] = point;
  } else if (point < 0x800) {
    target[write++] = 0xc0 | (point >> 6);
    target[write++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    target[write++] = 0xe0 | (point >> 12);
    target[write++] = 0x80 | ((point >> 6) & 0x3f);
    target[write++] = 0x80 | (point & 0x3f);
  } else {
    target[write++] = 0xf0 | (point >> 18);
    target[write++] = 0x80 | ((point >> 12) & 0x3f);
    target[write++] = 0x80 | ((point >> 6) & 0x3f);
    target[write++] = 0x80 | (point & 0x3f);
  }
  return write;
}
