import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { ensureKeyFolder, findText, writeKeyFile } from "./key-files.ts";

export interface StorageKey {
  readonly id: string;
  readonly key: Uint8Array;
}

const file = "encryption.keys";
const YEAR_MS = 365 * 86_400_000;

interface StoredKey {
  readonly id: string;
  /** Base64. */
  readonly key: string;
  /** RFC 3339 */
  readonly created: string;
}

/**
 * The keys with which Secrets are encrypted at rest, the newest first. A new one is made on the first start, and when the newest is a
 * year old; old ones are kept, for what they have encrypted.
 *
 * @throws {Fault} `invalid` when the file is there and cannot be read: a new key would not open what is stored
 */
export function ensureEncryptionKeys({
  folder,
  now,
}: {
  readonly folder: string;
  readonly now: () => Date;
}): readonly [StorageKey, ...StorageKey[]] {
  ensureKeyFolder(folder);
  const text = findText(folder, file);
  const stored = text === undefined ? [] : parse(text, join(folder, file));
  const [newest] = stored;
  const isFresh = newest !== undefined && now().getTime() - Date.parse(newest.created) < YEAR_MS;
  const keys = isFresh ? stored : [newKey(now()), ...stored];
  if (!isFresh) writeKeyFile(folder, file, `${JSON.stringify(keys)}\n`, true);
  const [first, ...others] = keys.map(({ id, key }) => ({ id, key: Buffer.from(key, "base64") }));
  if (first === undefined) throw new Fault("internal", "no encryption key");
  return [first, ...others];
}

function newKey(now: Date): StoredKey {
  return {
    id: randomBytes(4).toString("hex"),
    key: randomBytes(32).toString("base64"),
    created: now.toISOString(),
  };
}

function parse(text: string, path: string): readonly StoredKey[] {
  try {
    const keys: unknown = JSON.parse(text);
    if (Array.isArray(keys) && keys.length > 0 && keys.every(isKey)) return keys;
  } catch {
    // Not JSON: as bad as anything else that it could be.
  }
  throw new Fault("invalid", `${path} cannot be read; restore it from a backup`);
}

function isKey(value: unknown): value is StoredKey {
  if (typeof value !== "object" || value === null) return false;
  const { id, key, created } = value as Readonly<Record<string, unknown>>;
  return (
    typeof id === "string" &&
    /^[\w-]+$/.test(id) &&
    typeof key === "string" &&
    Buffer.from(key, "base64").length === 32 &&
    typeof created === "string" &&
    !Number.isNaN(Date.parse(created))
  );
}
