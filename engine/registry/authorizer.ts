import { Fault, isFault } from "#base/fault.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { type Connections, textOf, type Trust } from "./exchange.ts";
import { verb } from "./failure-text.ts";
import { faultOfAnswer, remoteFault } from "./remote-fault.ts";

export interface AuthorizerDeps {
  readonly connections: Connections;
  readonly trust: Trust;
  readonly credentials: Credentials;
  /** Of the registry. */
  readonly origin: URL;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Token {
  readonly text: string;
  readonly expiresAt: number;
}

/** A token without a time to live lives so long. @see distribution, token authentication, "expires_in" */
const defaultLifeSeconds = 60;
/** A token is renewed so long before its end. */
const marginMs = 10_000;

/**
 * Knows how one registry wants to be told who asks, and keeps the tokens. Credentials go to that registry and, over a connection
 * that is no weaker, to the server of tokens that the registry itself names; what any other server answers is never listened to.
 *
 * @see distribution, Token Authentication Specification
 */
export class Authorizer {
  readonly #deps: AuthorizerDeps;
  #challenge: Challenge | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  #told: Promise<Credentials> | undefined;

  constructor(deps: AuthorizerDeps) {
    this.#deps = deps;
  }

  /** What the registry answered together with 401. Tokens it does not like any more are forgotten. */
  challenged(header: string | undefined): void {
    const challenges = parseChallenges(header ?? "");
    this.#challenge =
      challenges.find(({ scheme }) => scheme === "bearer") ??
      challenges.find(({ scheme }) => scheme === "basic");
    this.#tokens.clear();
  }

  /**
   * The `Authorization` of a request; undefined when none is wanted.
   *
   * @throws {Fault} `remote` when there is nothing to show or the server of tokens refuses; `forbidden` when that server is
   *   none that credentials may go to
   */
  async headerFor(
    method: string,
    url: URL,
    scopes: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === "basic") return this.#basic(method, url, await this.#known(signal));
    const { registryToken = "" } = this.#deps.credentials;
    if (registryToken !== "") return `Bearer ${registryToken}`;
    try {
      return `Bearer ${(await this.#token(this.#challenge, scopes, signal)).text}`;
    } catch (error) {
      if (!isFault(error, "remote")) throw error;
      throw new Fault("remote", `${verb(method)} "${url.href}": ${error.message}`, {
        cause: error,
        detail: error.detail,
      });
    }
  }

  /** Whoever keeps them is asked once. */
  #known(signal: AbortSignal): Promise<Credentials> {
    const { credentials } = this.#deps;
    this.#told ??= credentials.keeper?.credentials(signal) ?? Promise.resolve(credentials);
    return this.#told;
  }

  #basic(method: string, url: URL, credentials: Credentials): string {
    const { username = "" } = credentials;
    if (username === "")
      throw remoteFault(`${verb(method)} "${url.href}": no basic auth credentials`, {
        code: "",
        status: 401,
        isTransient: false,
      });
    return basicOf(credentials);
  }

  async #token(challenge: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<Token> {
    const key = scopes.join(" ");
    const known = await this.#tokens.get(key);
    if (known !== undefined && known.expiresAt > this.#deps.now()) return known;
    const fresh = this.#fetchToken(challenge, scopes, signal);
    this.#tokens.set(key, fresh);
    fresh.catch(() => {
      if (this.#tokens.get(key) === fresh) this.#tokens.delete(key);
    });
    return await fresh;
  }

  async #fetchToken(challenge: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<Token> {
    const { connections, trust, credentials, origin, now } = this.#deps;
    const realm = realmOf(challenge, origin);
    const service = challenge.parameters["service"];
    const asked = { realm: realm.href, service: service ?? "", scopes };
    const given = await credentials.keeper?.token(asked, signal);
    if (given !== undefined) return lastingToken(given.text, given.lifeSeconds, now());
    const answer = await connections.send(
      tokenRequest(realm, service, scopes, await this.#known(signal)),
      trustFor(realm, origin, trust),
      signal,
    );
    const body = await textOf(answer);
    if (answer.status !== 200) throw faultOfAnswer(answer.status, body.toString());
    return tokenOf(body, now());
  }
}

/**
 * @throws {Fault} `forbidden` for anything but HTTP, and for plain HTTP unless the registry itself is reached by it
 */
function realmOf({ parameters }: Challenge, origin: URL): URL {
  const { realm = "" } = parameters;
  const url = URL.parse(realm);
  const isFine =
    url !== null && (url.protocol === "https:" || (url.protocol === "http:" && origin.protocol === "http:"));
  if (!isFine)
    throw new Fault("forbidden", `refusing to ask for a token at ${JSON.stringify(realm.slice(0, 200))}`);
  url.username = "";
  url.password = "";
  return url;
}

/** Another host has to show who it is, whatever was said about the registry. */
function trustFor(realm: URL, origin: URL, trust: Trust): Trust {
  return realm.hostname === origin.hostname ? trust : { ...trust, verifies: true };
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials,
) {
  const { username = "", identityToken = "" } = credentials;
  const query = new URLSearchParams(realm.search);
  if (service !== undefined) query.set("service", service);
  if (identityToken !== "") {
    query.set("grant_type", "refresh_token");
    query.set("refresh_token", identityToken);
    query.set("client_id", "gantry");
    if (scopes.length > 0) query.set("scope", scopes.join(" "));
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    return {
      method: "POST",
      url: new URL(realm.pathname, realm),
      headers,
      body: Buffer.from(String(query)),
    } as const;
  }
  for (const scope of scopes) query.append("scope", scope);
  if (username !== "") query.set("account", username);
  const url = new URL(realm);
  url.search = String(query);
  return {
    method: "GET",
    url,
    headers: username === "" ? {} : { Authorization: basicOf(credentials) },
  } as const;
}

function basicOf({ username = "", password = "" }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function tokenOf(body: Buffer, now: number): Token {
  let value: Record<string, unknown> = {};
  try {
    value = (JSON.parse(body.toString()) ?? {}) as Record<string, unknown>;
  } catch {
    // no token in it
  }
  return lastingToken(value["token"] || value["access_token"], Number(value["expires_in"]), now);
}

/** @throws {Fault} `remote` when it is no token */
function lastingToken(text: unknown, given: number, now: number): Token {
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text))
    throw remoteFault("authorization server did not include a token in the response", {
      code: "",
      status: 200,
      isTransient: false,
    });
  const seconds = Number.isFinite(given) && given >= defaultLifeSeconds ? given : defaultLifeSeconds;
  return { text, expiresAt: now + seconds * 1000 - marginMs };
}
