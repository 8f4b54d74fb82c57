import { appendFileSync, existsSync, renameSync, statSync } from "node:fs";
import type { Log } from "#base/log.ts";

/** One change, as asked for and answered. */
export interface AuditEntry {
  readonly user: string;
  readonly address: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Without secrets. */
  readonly body?: unknown;
}

const maxBytes = 10 << 20;
const secret = /password|secret|privatekey|userdata|metadata|pathuri/i;

/**
 * Who changed what, a JSON object a line, in a file for its owner alone. With 10 MiB it is renamed to `.1`, and the one that
 * had that name goes.
 */
export class AuditLog {
  readonly #file: string;
  readonly #now: () => Date;
  readonly #log: Log;

  constructor(deps: { readonly file: string; readonly now: () => Date; readonly log: Log }) {
    this.#file = deps.file;
    this.#now = deps.now;
    this.#log = deps.log;
  }

  /** Never fails: what cannot be written is told to the log. */
  add(entry: AuditEntry): void {
    try {
      if (existsSync(this.#file) && statSync(this.#file).size > maxBytes)
        renameSync(this.#file, `${this.#file}.1`);
      const line = JSON.stringify({ time: this.#now().toISOString(), ...entry }, hideSecrets);
      appendFileSync(this.#file, `${line}\n`, { mode: 0o600 });
    } catch (error) {
      this.#log.error("cannot write the audit log", { error, ...entry, body: undefined });
    }
  }
}

function hideSecrets(key: string, value: unknown): unknown {
  return secret.test(key) && typeof value === "string" && value !== "" ? "***" : value;
}
