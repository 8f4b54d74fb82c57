const shownLines = 200;

/** What is different between two values that JSON can hold, a member on each line, for who reads a message. */
export function lineDiff(before: unknown, after: unknown): string {
  const lines: string[] = [];
  compare(before, after, "", lines);
  return lines.slice(0, shownLines).join("\n");
}

function compare(before: unknown, after: unknown, path: string, lines: string[]): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  if (isHolder(before) && isHolder(after) && Array.isArray(before) === Array.isArray(after)) {
    const [one, other] = [
      before as Readonly<Record<string, unknown>>,
      after as Readonly<Record<string, unknown>>,
    ];
    for (const key of new Set([...Object.keys(one), ...Object.keys(other)]))
      compare(one[key], other[key], Array.isArray(before) ? `${path}[${key}]` : `${path}.${key}`, lines);
    return;
  }
  if (before !== undefined) lines.push(`- \t${path.slice(1)}: ${JSON.stringify(before)}`);
  if (after !== undefined) lines.push(`+ \t${path.slice(1)}: ${JSON.stringify(after)}`);
}

function isHolder(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
