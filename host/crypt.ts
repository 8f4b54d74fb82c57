import { timingSafeEqual } from "node:crypto";

/**
 * Whether the password is the one that a hash of crypt(5) was made of: bcrypt, SHA-2 crypt or yescrypt, as the C library has them.
 * Takes as long as the hash was made to take, and holds up its thread for that.
 */
export function matchesHash(password: string, hash: string): boolean {
  const made = crypt(password, hash);
  return made !== undefined && equals(Buffer.from(made), Buffer.from(hash));
}

/** A hash of the password by bcrypt with a salt of its own; each step more of `cost` takes twice as long. */
export function hashPassword(password: string, cost: number): string {
  const salt = Buffer.alloc(saltBytes);
  const prefix = "$2y$";
  if (libcrypt().crypt_gensalt_rn(prefix, BigInt(cost), null, 0, salt, salt.length) === 0n)
    throw new Error("libcrypt makes no salt for bcrypt");
  const hash = crypt(password, textOf(salt));
  if (hash === undefined) throw new Error("libcrypt makes no hash by bcrypt");
  return hash;
}

const saltBytes = 192;
/** `struct crypt_data` of libxcrypt, whose first member is the result. */
const dataBytes = 32_768;

const definitions = {
  crypt_rn: { arguments: ["pointer", "pointer", "pointer", "i32"], return: "pointer" },
  crypt_gensalt_rn: { arguments: ["pointer", "u64", "pointer", "i32", "pointer", "i32"], return: "pointer" },
} as const;

type Libcrypt = ReturnType<typeof import("node:ffi").dlopen<typeof definitions>>["functions"];
let loaded: Libcrypt | undefined;

/** Debian's base system has it: login and perl need it. */
function libcrypt(): Libcrypt {
  if (loaded !== undefined) return loaded;
  const emitWarning: unknown = Reflect.get(process, "emitWarning");
  Reflect.set(process, "emitWarning", () => {});
  try {
    loaded = process.getBuiltinModule("node:ffi").dlopen("libcrypt.so.1", definitions).functions;
    return loaded;
  } finally {
    Reflect.set(process, "emitWarning", emitWarning);
  }
}

function crypt(password: string, setting: string): string | undefined {
  if (password.includes("\0") || setting.includes("\0")) return undefined;
  const data = Buffer.alloc(dataBytes);
  return libcrypt().crypt_rn(password, setting, data, data.length) === 0n ? undefined : textOf(data);
}

function textOf(buffer: Buffer): string {
  return buffer.toString("latin1", 0, buffer.indexOf(0));
}

function equals(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
