/**
 * Orders versions exactly as dpkg does: negative when `left` is the older one.
 *
 * @see Debian policy 4.7, section 5.6.12; deb-version(7)
 */
export function compareDebianVersions(left: string, right: string): number {
  const [one, other] = [splitVersion(left), splitVersion(right)];
  return (
    comparePart(one.epoch, other.epoch) ||
    comparePart(one.upstream, other.upstream) ||
    comparePart(one.revision, other.revision)
  );
}

/** No epoch is epoch 0, no revision is the lowest one. */
function splitVersion(version: string) {
  const colon = version.indexOf(":");
  const epoch = colon < 0 ? "" : version.slice(0, colon);
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch,
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** By turns what is not digits, by its characters, and numbers, of any length. */
function comparePart(left: string, right: string): number {
  let [at, other] = [0, 0];
  while (at < left.length || other < right.length) {
    while ((at < left.length && !isDigit(left, at)) || (other < right.length && !isDigit(right, other))) {
      const difference = orderOf(left, at) - orderOf(right, other);
      if (difference !== 0) return difference;
      at++;
      other++;
    }
    const [number, otherNumber] = [digitsAt(left, at), digitsAt(right, other)];
    at += number.length;
    other += otherNumber.length;
    const difference = compareNumbers(number, otherNumber);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareNumbers(left: string, right: string): number {
  const [one, other] = [left.replace(/^0+/, ""), right.replace(/^0+/, "")];
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : one > other ? 1 : 0;
}

/** A tilde comes before the end, the end before letters, letters before all else. */
function orderOf(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (code === 0x7e) return -1;
  return /[A-Za-z]/.test(text.charAt(at)) ? code : code + 256;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function digitsAt(text: string, at: number): string {
  let end = at;
  while (isDigit(text, end)) end++;
  return text.slice(at, end);
}
