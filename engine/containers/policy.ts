import { Fault } from "#base/fault.ts";
import type { ContainerContext } from "./context.ts";

/** Where the engine keeps what it trusts. */
export function ownFolders({ paths }: Pick<ContainerContext, "paths">): readonly string[] {
  return [paths.root, paths.run];
}

/**
 * Warnings about ways out of a container that somebody asks for, where the engine's policy wants them; they are in its log as well.
 *
 * @throws {Fault} `forbidden` where the policy denies them
 */
export function checkSideDoors(
  { launcher, log }: Pick<ContainerContext, "launcher" | "log">,
  doors: readonly string[],
  who: { readonly container: string },
): readonly string[] {
  const { sideDoors } = launcher.policy;
  if (doors.length === 0 || sideDoors === "allow") return [];
  const asked = doors.join(", ");
  log.warn("a way out of a container was asked for", { ...who, asked, answer: sideDoors });
  if (sideDoors === "deny") throw new Fault("forbidden", `the engine's policy denies ${asked}`);
  return doors.map((door) => `${door} leads out of the container`);
}
