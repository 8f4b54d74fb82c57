import { resolve } from "node:path";
import type { Context, EngineOptions } from "../context.ts";
import { type FlagValues, text } from "../flags.ts";

/** Which images the engine lets in. */
export const trustFlags = {
  "trust-policy": text(
    "FILE",
    "Only images that this policy accepts: containers-policy.json, or Notation's trustpolicy.json",
    undefined,
    { complete: "file" },
  ),
  "trust-signatures": text("FOLDER", "Signatures that do not come with images", undefined, {
    complete: "file",
  }),
};

/** The context of an engine with that policy. */
export function withTrust(context: Context, values: FlagValues<typeof trustFlags>): Context {
  const { "trust-policy": policy, "trust-signatures": signatures } = values;
  if (policy === undefined) return context;
  const trust = {
    policy: resolve(policy),
    ...(signatures !== undefined && { signatures: resolve(signatures) }),
  };
  return { ...context, instance: { ...context.instance, trust } };
}

/** The flags again, as words for another start of the program. */
export function trustWords({ trust }: EngineOptions): readonly string[] {
  if (trust === undefined) return [];
  const { policy, signatures } = trust;
  return [
    `--trust-policy=${policy}`,
    ...(signatures === undefined ? [] : [`--trust-signatures=${signatures}`]),
  ];
}
