import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const LIFETIME_S = 300;

/** Whom a token stands for; without a name it is nobody in particular. */
export interface Bearer {
  readonly name?: string;
}

/** Tokens that this process alone can make and read, for five minutes each. */
export class Tokens {
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  make({ name }: Bearer): {
    readonly token: string;
    readonly issuedAt: Date;
    readonly lifetimeSeconds: number;
  } {
    const issued = this.#now();
    const claims = JSON.stringify({ name, until: issued + LIFETIME_S * 1000 });
    const payload = Buffer.from(claims).toString("base64url");
    return {
      token: `${payload}.${this.#sign(payload)}`,
      issuedAt: new Date(issued),
      lifetimeSeconds: LIFETIME_S,
    };
  }

  /** Undefined when it is none of ours, or its time is over. */
  read(token: string): Bearer | undefined {
    const [payload = "", signature = ""] = token.split(".", 2);
    const [given, right] = [Buffer.from(signature), Buffer.from(this.#sign(payload))];
    if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
    const { name, until } = JSON.parse(Buffer.from(payload, "base64url").toString()) as Bearer & {
      until: number;
    };
    if (until < this.#now()) return undefined;
    return name === undefined ? {} : { name };
  }

  #sign(payload: string): string {
    return createHmac("sha256", this.#key).update(payload).digest("base64url");
  }
}
