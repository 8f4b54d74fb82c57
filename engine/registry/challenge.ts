/** One way in which a server wants to be told who asks. Schemes are in lower case. @see RFC 9110, section 11.6.1 */
export interface Challenge {
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const maxLength = 16 * 1024;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const gap = /[ \t,]*/y;
const equals = /[ \t]*=[ \t]*/y;

/** Parses `WWW-Authenticate`, all of its lines joined with commas. What makes no sense ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  const text = header.slice(0, maxLength);
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (take(gap); at < text.length; take(gap)) {
    const name = take(token)?.[0];
    if (name === undefined) break;
    if (take(equals) === null) {
      found.push({ scheme: name.toLowerCase(), parameters: Object.create(null) as Record<string, string> });
      continue;
    }
    const value = take(quoted)?.[1]?.replaceAll(/\\(.)/g, "$1") ?? take(token)?.[0];
    const last = found.at(-1);
    if (value === undefined || last === undefined) break;
    last.parameters[name.toLowerCase()] ??= value;
  }
  return found;
}
