import { Fault } from "#base/fault.ts";

/** Standard base64 with its padding and nothing else. @throws {Fault} `invalid` */
export function fromBase64(text: string, what: string): Buffer {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw new Fault("invalid", `${what} is not base64`);
  return Buffer.from(text, "base64");
}

/** Base64 of RFC 7515: the URL's letters, no padding. @throws {Fault} `invalid` */
export function fromBase64Url(text: string, what: string): Buffer {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Fault("invalid", `${what} is not base64url`);
  return Buffer.from(text, "base64url");
}
