import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

const cost = { N: 1 << 15, r: 8, p: 1, maxmem: 64 << 20 };
const keyBytes = 32;

/** As `scrypt$<salt>$<key>` in base64, by RFC 7914 with N = 2^15, r = 8, p = 1. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return `scrypt$${salt.toString("base64")}$${(await derive(password, salt)).toString("base64")}`;
}

/** Takes as long for an absent hash as for a wrong password. */
export async function isPasswordOf(hash: string | undefined, password: string): Promise<boolean> {
  const [, salt = "", key = ""] = (hash ?? "").split("$");
  const derived = await derive(password, Buffer.from(salt, "base64"));
  const expected = Buffer.from(key, "base64");
  return expected.length === keyBytes && timingSafeEqual(expected, derived);
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, keyBytes, cost, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
