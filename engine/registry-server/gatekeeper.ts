import type { IncomingMessage } from "node:http";
import type { Passwords } from "./passwords.ts";
import { refusal } from "./refusal.ts";
import type { Resource } from "./route.ts";
import { type Bearer, Tokens } from "./tokens.ts";

/** Where tokens are given out. */
export const tokenPath = "/token";

export type Right = "read" | "write";

/** Somebody with a name, somebody who showed that they have none, or somebody who has shown nothing. */
type Caller = Bearer | "unknown";

/**
 * Decides who may do what. Users may do everything. With `anonymous: "read"` the others may read; as Docker's clients ask for a
 * password at once or never, they are sent for a token then, which they get with a password or without.
 */
export class Gatekeeper {
  readonly #passwords: Passwords | undefined;
  readonly #anonymous: "nothing" | "read" | "write";
  readonly #tokens: Tokens;

  constructor(deps: {
    readonly passwords: Passwords | undefined;
    readonly anonymous: "nothing" | "read" | "write";
    readonly now: () => number;
  }) {
    this.#passwords = deps.passwords;
    this.#anonymous = deps.anonymous;
    this.#tokens = new Tokens(deps.now);
  }

  get givesTokens(): boolean {
    return this.#anonymous === "read" && this.#passwords !== undefined;
  }

  /** @throws {Fault} `UNAUTHORIZED`; `TOOMANYREQUESTS` */
  async admit(message: IncomingMessage, resource: Resource, right: Right): Promise<void> {
    if (this.#anonymous === "write") return;
    const caller = await this.#identify(message);
    if (caller !== "unknown" && caller.name !== undefined) return;
    const isGreeted = resource.kind !== "base" || caller !== "unknown" || !this.givesTokens;
    if (this.#anonymous === "read" && right === "read" && isGreeted) return;
    if (caller === "unknown") throw refusal("UNAUTHORIZED", "authentication required");
    throw refusal("DENIED", "requested access to the resource is denied", 401);
  }

  /**
   * What `WWW-Authenticate` says to who was not admitted.
   *
   * @param request.origin where the client has reached us
   * @param request.isDenied it has shown a token, which is good, but not for this: docker tries again and again unless it is told so
   * @see RFC 6750, 3.1
   */
  challenge(request: {
    readonly origin: URL;
    readonly resource: Resource;
    readonly right: Right;
    readonly isDenied: boolean;
  }): string {
    const { origin, resource, right, isDenied } = request;
    if (!this.givesTokens) return 'Basic realm="Gantry registry"';
    const actions = right === "read" ? "pull" : "pull,push,delete";
    const scope = "name" in resource ? `,scope="repository:${resource.name}:${actions}"` : "";
    return `Bearer realm="${origin.origin}${tokenPath}",service="${origin.host}"${scope}${isDenied ? ',error="insufficient_scope"' : ""}`;
  }

  /** The body of the answer to who asks for a token. @throws {Fault} `UNAUTHORIZED` for a wrong password */
  async giveToken(message: IncomingMessage): Promise<object> {
    const caller = message.headers.authorization === undefined ? {} : await this.#identify(message);
    if (caller === "unknown") throw refusal("UNAUTHORIZED", "authentication required");
    const { token, issuedAt, lifetimeSeconds } = this.#tokens.make(caller);
    return { token, access_token: token, expires_in: lifetimeSeconds, issued_at: issuedAt.toISOString() };
  }

  async #identify(message: IncomingMessage): Promise<Caller> {
    const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(message.headers.authorization ?? "") ?? [];
    if (scheme.toLowerCase() === "bearer") return this.#ofToken(value);
    if (scheme.toLowerCase() !== "basic") return "unknown";
    const [name, password] = splitCredentials(value);
    const from = message.socket.remoteAddress ?? "";
    return (await this.#passwords?.isRight(name, password, from)) === true ? { name } : "unknown";
  }

  /** A user who was removed is nobody. */
  #ofToken(token: string): Caller {
    const bearer = this.#tokens.read(token);
    if (bearer?.name !== undefined && this.#passwords?.has(bearer.name) !== true) return "unknown";
    return bearer ?? "unknown";
  }
}

/** @see RFC 7617 */
function splitCredentials(value: string): readonly [string, string] {
  const text = Buffer.from(value, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}
