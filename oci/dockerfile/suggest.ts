/** ` (did you mean FROM?)`, as far as two letters tell; empty when nothing is near. Upper and lower case are the same. */
export function suggestion(word: string, options: readonly string[]): string {
  const found = nearest(word.toLowerCase(), options, (option) => option.toLowerCase());
  return found === undefined ? "" : ` (did you mean ${found}?)`;
}

/** The first of the options that are nearest, at most two letters away. Upper and lower case differ. */
export function findNearest(word: string, options: Iterable<string>): string | undefined {
  return nearest(word, options, (option) => option);
}

function nearest(
  word: string,
  options: Iterable<string>,
  shape: (option: string) => string,
): string | undefined {
  let found: string | undefined;
  let steps = 3;
  for (const option of options) {
    const away = distance(word, shape(option));
    if (away >= steps) continue;
    found = option;
    steps = away;
  }
  return steps === 0 ? undefined : found;
}

/** Letters to change, add or drop. Words of very different length are near to nothing. */
function distance(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 2) return 3;
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let at = 1; at <= left.length; at++) {
    const next = [at];
    for (let to = 1; to <= right.length; to++) {
      const change = (row[to - 1] ?? 0) + (left[at - 1] === right[to - 1] ? 0 : 1);
      next.push(Math.min(change, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 3;
}
