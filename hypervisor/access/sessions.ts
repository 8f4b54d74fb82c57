import { createHash, randomBytes } from "node:crypto";

const idleMs = 3_600_000;
const maxSessions = 10_000;

interface Session {
  readonly userUUID: string;
  usedAt: number;
}

/** Who has logged in. Sessions end after an hour without a request, and with the daemon; their ids are not kept, only their hashes. */
export class Sessions {
  readonly #nowMs: () => number;
  /** By hash, the least recently used first. */
  readonly #sessions = new Map<string, Session>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @param limit of sessions of the user at once, the oldest of which ends; 0 for any number */
  open(userUUID: string, limit: number): string {
    const own = [...this.#sessions].filter(([, session]) => session.userUUID === userUUID);
    if (limit > 0)
      for (const [key] of own.slice(0, Math.max(0, own.length + 1 - limit))) this.#sessions.delete(key);
    const id = randomBytes(24).toString("hex");
    this.#sessions.set(hashOf(id), { userUUID, usedAt: this.#nowMs() });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > maxSessions && oldest !== undefined) this.#sessions.delete(oldest);
    return id;
  }

  /** The user's uuid. The session is used by that. */
  find(id: string): string | undefined {
    const key = hashOf(id);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    this.#sessions.delete(key);
    const now = this.#nowMs();
    if (now - session.usedAt > idleMs) return undefined;
    session.usedAt = now;
    this.#sessions.set(key, session);
    return session.userUUID;
  }

  end(id: string): void {
    this.#sessions.delete(hashOf(id));
  }

  endAllOf(userUUID: string): void {
    for (const [key, session] of this.#sessions)
      if (session.userUUID === userUUID) this.#sessions.delete(key);
  }
}

function hashOf(id: string): string {
  return createHash("sha256").update(id).digest("base64");
}
