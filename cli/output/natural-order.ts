/** The order of go-yaml's mapping keys: numbers within them by value, letters after everything else. */
export function compareNaturally(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  let wasDigit = false;
  for (let at = 0; at < x.length && at < y.length; at++) {
    const [p = "", q = ""] = [x[at], y[at]];
    if (p === q) {
      wasDigit = isDigit(p);
      continue;
    }
    const [pLetter, qLetter] = [isLetter(p), isLetter(q)];
    if (pLetter && qLetter) return p < q ? -1 : 1;
    if (pLetter || qLetter) return (wasDigit ? pLetter : qLetter) ? -1 : 1;
    return compareNumbers(x, y, at);
  }
  return x.length - y.length;
}

function compareNumbers(x: readonly string[], y: readonly string[], at: number): number {
  const [p = "", q = ""] = [x[at], y[at]];
  const isInside =
    (p === "0" || q === "0") && /[1-9]0*$/.test(/\d*$/.exec(x.slice(0, at).join(""))?.[0] ?? "");
  const [m, n] = [digitsFrom(x, at), digitsFrom(y, at)];
  const [i, j] = [Number(`${isInside ? 1 : 0}${m}`), Number(`${isInside ? 1 : 0}${n}`)];
  if (i !== j) return i - j;
  if (m.length !== n.length) return m.length - n.length;
  return p < q ? -1 : 1;
}

function digitsFrom(text: readonly string[], at: number): string {
  return /^\d*/.exec(text.slice(at).join(""))?.[0] ?? "";
}

function isDigit(letter: string): boolean {
  return /\p{Nd}/u.test(letter);
}

function isLetter(letter: string): boolean {
  return /\p{L}/u.test(letter);
}
