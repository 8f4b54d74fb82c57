import { readFileSync } from "node:fs";
import type { BuildPlan } from "../plan-build.ts";

/**
 * By which the engine knows folders that it has been sent files of: the same for the same folders of the same user on the same
 * host since its last boot, and for nothing else.
 */
export async function sharedKeyOf({ folders }: Pick<BuildPlan, "folders">): Promise<string> {
  const places = [...folders].flatMap(([name, source]) =>
    source.kind === "folder" ? [[name, source.path]] : [],
  );
  const host = bootId();
  if (places.length === 0 || host === undefined) return "";
  const text = JSON.stringify([host, process.getuid?.() ?? "", places]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Buffer.from(digest).toString("hex");
}

/** Undefined where the system does not tell boots apart. */
function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
  } catch {
    return undefined;
  }
}
