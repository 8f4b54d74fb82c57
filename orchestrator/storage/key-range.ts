/**
 * The first key behind all that begin with the prefix, by the order of bytes; undefined when there is none.
 *
 * @see etcd v3, "Key ranges"
 */
export function prefixEnd(prefix: string): string | undefined {
  for (let end = prefix.length - 1; end >= 0; end--) {
    const code = prefix.charCodeAt(end);
    if (code < 0x7f) return prefix.slice(0, end) + String.fromCharCode(code + 1);
  }
  return undefined;
}
