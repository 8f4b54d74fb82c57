import { Fault } from "#base/fault.ts";

/** Hashes of crypt(5) that take long to try. */
const hashPattern = /^\$(?:2[aby]|5|6|y)\$[!-9;-~]+$/;

/**
 * Reads what `htpasswd -B` writes: a line `NAME:HASH` for each user; blank lines and those that begin with `#` are left out. Of
 * several lines for one name the first counts, as with Apache.
 *
 * @throws {Fault} `invalid` for a line that is none, and for hashes that are tried too fast or too weak
 */
export function parsePasswordFile(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const [name, hash] = [line.slice(0, colon), line.slice(colon + 1)];
    if (colon < 1 || !hashPattern.test(hash))
      throw new Fault(
        "invalid",
        `line ${index + 1} is not NAME:HASH with a hash by bcrypt, SHA-256, SHA-512 or yescrypt: make it with 'htpasswd -B' or 'gantry registry password'`,
      );
    if (!users.has(name)) users.set(name, hash);
  }
  return users;
}
