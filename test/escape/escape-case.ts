import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineUnderTest } from "../support/engine.ts";

/** Where a case is tried. */
export interface Subject {
  readonly engine: EngineUnderTest;
  /** For `docker run`: nothing, or what takes a protection away. */
  readonly options: readonly string[];
  /** A folder of the host with a `secret` and a `passwd` in it, for this attempt alone. */
  readonly victim: string;
}

/**
 * One way out of a container, numbered as in docs/security.md. It is tried twice: on the engine as it is, where it must find
 * nothing, and where exactly the protection is missing, where it must find something, so that we know that it would.
 */
export interface EscapeCase {
  readonly id: string;
  readonly title: string;
  /** Resolves to what it got hold of, a line each. Changes nothing on the host but in the victim folder. */
  attempt(subject: Subject): Promise<readonly string[]>;
  /** Why it cannot be tried on this machine. */
  readonly skip?: string;
  /** Options of `docker run` that take the protection away, or an engine whose sources were changed. */
  readonly weakness: { readonly options: readonly string[] } | "weak engine";
}

export const secret = "only the host knows this";

/** Lines that a shell in a new container prints. */
export async function inContainer(
  { engine, options }: Pick<Subject, "engine" | "options">,
  script: string,
  image = "probe",
): Promise<readonly string[]> {
  const { stdout } = await engine.docker("run", "--rm", ...options, image, "sh", "-c", script);
  return stdout.split("\n").filter((line) => line !== "");
}

/** What is in the victim folder that was not put there, or is not as it was. */
export function madeIn(victim: Subject["victim"]): readonly string[] {
  const made = readdirSync(victim).filter((name) => name !== "secret" && name !== "passwd");
  const isChanged = readFileSync(join(victim, "secret"), "utf8") !== secret;
  return isChanged ? [...made, "the secret was written"] : made;
}
