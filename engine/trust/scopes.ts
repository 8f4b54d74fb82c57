import { formatReference, type Reference, repositoryOf } from "#oci/reference.ts";
import type { ContainersPolicy, Requirement } from "./containers-policy.ts";

/** A scope of the policy, and what it asks for. */
export interface Scoped {
  /** As the policy has it, e.g. `docker.io/library`; `""` for the transport as a whole, undefined for the default. */
  readonly scope: string | undefined;
  readonly requirements: readonly Requirement[];
}

/**
 * What holds for an image of that name, undefined for one without a name: the most specific scope of transport `docker` wins, then
 * the transport as a whole, then the default.
 *
 * @see containers-policy.json(5), "docker:"
 */
export function requirementsFor(policy: ContainersPolicy, name: Reference | undefined): Scoped {
  const scopes = policy.transports.get("docker");
  for (const scope of [...(name === undefined ? [] : scopesOf(name)), ""]) {
    const requirements = scopes?.get(scope);
    if (requirements !== undefined) return { scope, requirements };
  }
  return { scope: undefined, requirements: policy.default };
}

/** From the name itself through its repository's parents to its host, then wildcards for the host's domains. */
export function scopesOf(name: Reference): readonly string[] {
  const { tag: _tag, ...withoutTag } = name;
  const scopes = [formatReference(name.digest === undefined ? name : withoutTag)];
  let rest = repositoryOf(name);
  for (;;) {
    scopes.push(rest);
    const slash = rest.lastIndexOf("/");
    if (slash < 0) break;
    rest = rest.slice(0, slash);
  }
  let host = rest.replace(/:\d+$/, "");
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".")) {
    host = host.slice(dot + 1);
    scopes.push(`*.${host}`);
  }
  return scopes;
}
