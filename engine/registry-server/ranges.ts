/** Bytes, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** A number of bytes that a double holds exactly. */
const digits = "(\\d{1,15})";
const rangePattern = new RegExp(`^bytes=(?:${digits}-${digits}?|-${digits})$`);
const contentRangePattern = new RegExp(`^(?:bytes[ =])?${digits}-${digits}(?:/(?:\\d+|\\*))?$`);

/**
 * Which bytes of `size` a `Range` header asks for: `whole` when it says nothing that can be done (several ranges, other units,
 * nonsense), `unsatisfiable` when it begins behind the end.
 *
 * @see RFC 9110, 14.2: a server may ignore the field
 */
export function parseRange(header: string | undefined, size: number): ByteRange | "whole" | "unsatisfiable" {
  const [, first, last, suffix] = rangePattern.exec(header?.trim() ?? "") ?? [];
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? "unsatisfiable" : { first: size - length, last: size - 1 };
  }
  if (first === undefined) return "whole";
  const from = Number(first);
  if (last !== undefined && Number(last) < from) return "whole";
  if (from >= size) return "unsatisfiable";
  return { first: from, last: Math.min(last === undefined ? size - 1 : Number(last), size - 1) };
}

/**
 * Reads the `Content-Range` of a chunk, `<first>-<last>`; undefined when it makes no sense.
 *
 * @see OCI distribution-spec v1.1.1, pushing a blob in chunks
 */
export function parseContentRange(header: string): ByteRange | undefined {
  const [, first, last] = contentRangePattern.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined || Number(last) < Number(first)) return undefined;
  return { first: Number(first), last: Number(last) };
}
