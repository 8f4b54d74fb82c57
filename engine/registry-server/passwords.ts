import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { Fault, messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { parsePasswordFile } from "./password-file.ts";
import { PasswordThread } from "./password-thread.ts";

/** bcrypt looks at 72 bytes, the others at 512. */
const MAX_LENGTH = 512;
/** How many right answers are remembered. */
const MAX_KNOWN = 1000;

/** The users of a password file, which is read again when it changes. A password that was right is known from then on. */
export class Passwords implements AsyncDisposable {
  readonly #path: string;
  readonly #log: Log;
  readonly #thread = new PasswordThread();
  readonly #key = randomBytes(32);
  #users: ReadonlyMap<string, string>;
  #version: string;
  /** Keyed hashes of names with their passwords. */
  #known = new Set<string>();

  /** @throws {Fault} `invalid` when the file cannot be read or makes no sense */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#version = versionOf(path);
    this.#users = readUsers(path);
  }

  /**
   * Takes about as long for a name that is not there.
   *
   * @param from whose tries are counted together
   * @throws {Fault} `TOOMANYREQUESTS`
   */
  async isRight(name: string, password: string, from: string): Promise<boolean> {
    this.#refresh();
    if (name.length > MAX_LENGTH || Buffer.byteLength(password) > MAX_LENGTH) return false;
    const hash = this.#users.get(name);
    const key = createHmac("sha256", this.#key).update(`${name}\0${password}\0${hash}`).digest("base64");
    if (this.#known.has(key)) return true;
    const [anyHash = ""] = this.#users.values();
    const matches = await this.#thread.matches(password, hash ?? anyHash, from);
    if (hash === undefined || !matches) return false;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(key);
    return true;
  }

  has(name: string): boolean {
    this.#refresh();
    return this.#users.has(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
  }

  /** A file that became unreadable or wrong leaves the users as they were. */
  #refresh(): void {
    const version = versionOf(this.#path);
    if (version === this.#version) return;
    this.#version = version;
    try {
      this.#users = readUsers(this.#path);
      this.#known = new Set();
      this.#log.info("passwords read again", { users: this.#users.size });
    } catch (error) {
      this.#log.error("passwords were not read again: the old ones stay", { error: messageOf(error) });
    }
  }
}

function versionOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeNs}`;
}

function readUsers(path: string): ReadonlyMap<string, string> {
  try {
    return parsePasswordFile(readFileSync(path, "utf8"));
  } catch (error) {
    throw new Fault("invalid", `cannot use the passwords of ${path}: ${messageOf(error)}`, { cause: error });
  }
}
