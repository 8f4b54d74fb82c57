import { createHash } from "node:crypto";
import { Fault } from "#base/fault.ts";
import type { TokenAuthenticator, TokenOwner } from "./token-authenticator.ts";
import type { User } from "./user.ts";

/** Tokens of a file: `token,user,uid,"group,group"` a line. @see Kubernetes, Static token file */
export class StaticTokens implements TokenAuthenticator {
  /** By hash, so that finding one takes as long whatever is right of it. */
  readonly #users: ReadonlyMap<string, User>;

  /** @throws {Fault} `invalid` for a line that is none */
  constructor(text: string) {
    this.#users = new Map(
      text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .map((line, index) => readLine(line, index + 1)),
    );
  }

  async authenticateToken(token: string): Promise<TokenOwner | undefined> {
    const user = this.#users.get(hashOf(token));
    return user === undefined ? undefined : { user, audiences: [] };
  }
}

function readLine(line: string, number: number): readonly [string, User] {
  const fields = [...line.matchAll(/(?:^|,)\s*(?:"([^"]*)"|([^",]*))\s*(?=,|$)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? "",
  );
  const [token = "", name = "", uid = "", groups = ""] = fields;
  if (fields.length < 3 || token === "" || name === "")
    throw new Fault("invalid", `token file: line ${number} must have token, user name and user ID`);
  const own = groups.split(",").filter((group) => group !== "");
  return [
    hashOf(token),
    { name, ...(uid !== "" && { uid }), groups: [...new Set([...own, "system:authenticated"])] },
  ];
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
