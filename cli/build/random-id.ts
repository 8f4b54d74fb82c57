/** A name that nobody else has: hexadecimal digits of so many random bytes. The module for more than that takes longer to load than a build. */
export function randomId(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
}
