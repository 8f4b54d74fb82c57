import { posix } from "node:path";
import type { RunMount, Stage } from "#oci/dockerfile/instruction.ts";
import { parseRunMount } from "#oci/dockerfile/run-mount.ts";
import type { BuildAccount, GivenName } from "./solved.ts";

/** The secrets and agents of the client that steps of the stages name. */
export function mountedNames(stages: readonly Stage[]): Pick<BuildAccount, "secrets" | "agents"> {
  const mounts = stages
    .flatMap(({ instructions }) => instructions)
    .flatMap((instruction) => (instruction.kind === "run" ? instruction.mounts : []))
    .flatMap(parsed);
  return {
    secrets: namesOf(mounts, "secret", ({ target = "" }) => posix.basename(target)),
    agents: namesOf(mounts, "ssh", () => "default"),
  };
}

/** One with a variable where it may not be is refused when its step runs. */
function parsed(text: string): readonly RunMount[] {
  try {
    return [parseRunMount(text)];
  } catch {
    return [];
  }
}

function namesOf(
  mounts: readonly RunMount[],
  type: RunMount["type"],
  otherwise: (mount: RunMount) => string,
): readonly GivenName[] {
  const found = new Map<string, GivenName>();
  for (const mount of mounts) {
    if (mount.type !== type) continue;
    const id = mount.id ?? otherwise(mount);
    const isOptional = mount.isRequired !== true && (found.get(id)?.isOptional ?? true);
    found.set(id, { id, isOptional });
  }
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
