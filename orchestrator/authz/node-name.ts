import type { User } from "#orchestrator/authn/user.ts";

const prefix = "system:node:";

/** Of which node the user is the agent; empty when that cannot be told, undefined when it is none. */
export function nodeNameOf({ name, groups }: User): string | undefined {
  if (!name.startsWith(prefix) || !groups.includes("system:nodes")) return undefined;
  return name.slice(prefix.length);
}
