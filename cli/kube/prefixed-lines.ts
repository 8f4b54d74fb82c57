const newline = 0x0a;

/** Whole lines as they come, each behind the prefix, so that those of several sources do not mix; the last may have no end. */
export async function* prefixedLines(
  bytes: AsyncIterable<Uint8Array>,
  prefix: string,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  for await (const piece of bytes) {
    const end = piece.lastIndexOf(newline) + 1;
    if (end === 0) held.push(piece);
    else {
      yield withPrefix(Buffer.concat([...held, piece.subarray(0, end)]), prefix);
      held = [piece.subarray(end)];
    }
  }
  const last = Buffer.concat(held);
  if (last.length > 0) yield withPrefix(last, prefix);
}

function withPrefix(lines: Buffer, prefix: string): Uint8Array {
  if (prefix === "") return lines;
  const start = Buffer.from(prefix).toString("latin1");
  const text = lines.toString("latin1").replaceAll(/[^\n]*\n|[^\n]+/g, (line) => start + line);
  return Buffer.from(text, "latin1");
}
