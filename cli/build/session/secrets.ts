import { readFileSync } from "node:fs";
import { getSecretRequest, getSecretResponse } from "#api/buildkit/session.ts";
import { Fault } from "#base/fault.ts";
import { type Method, unary } from "#rpc/methods.ts";

/** Where a secret is. It is read when a step asks for it. */
export type SecretSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "text"; readonly text: string };

export const secretPath = "/moby.buildkit.secrets.v1.Secrets/GetSecret";

/** @see github.com/moby/buildkit, session/secrets/secrets.proto */
export function secretMethod(secrets: ReadonlyMap<string, SecretSource>): Method {
  return unary(getSecretRequest, getSecretResponse, ({ id }) => {
    const source = secrets.get(id);
    if (source === undefined) throw new Fault("not-found", `secret ${id}: not found`);
    return { data: source.kind === "text" ? Buffer.from(source.text) : readFileSync(source.path) };
  });
}
