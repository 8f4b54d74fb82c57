import { resolve } from "node:path";
import { parseDuration } from "#base/duration.ts";
import { Fault } from "#base/fault.ts";
import type { Context, EngineOptions } from "../context.ts";
import { type FlagValues, text } from "../flags.ts";

/** Which images the engine lets in. */
export const trustFlags = {
  scrub: text(
    "DURATION",
    "How often images are read whole and compared with what came, or 'off'",
    undefined,
    { shownDefault: "168h", complete: ["off", "24h", "168h"] },
  ),
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

/** Milliseconds. @throws {Fault} `invalid` */
function intervalOf(scrub: string): number {
  if (scrub === "off") return 0;
  const ms = Math.floor(parseDuration(scrub) / 1e6);
  if (ms < 0) throw new Fault("invalid", `${scrub} is no interval`);
  return ms;
}

/** The context of an engine with that policy. */
export function withTrust(context: Context, values: FlagValues<typeof trustFlags>): Context {
  const { "trust-policy": policy, "trust-signatures": signatures, scrub } = values;
  if (scrub !== undefined)
    return withTrust(
      { ...context, instance: { ...context.instance, scrubIntervalMs: intervalOf(scrub) } },
      { ...values, scrub: undefined },
    );
  if (policy === undefined) return context;
  const trust = {
    policy: resolve(policy),
    ...(signatures !== undefined && { signatures: resolve(signatures) }),
  };
  return { ...context, instance: { ...context.instance, trust } };
}

/** The flags again, as words for another start of the program. */
export function trustWords({ trust, scrubIntervalMs }: EngineOptions): readonly string[] {
  const scrub = scrubIntervalMs === undefined ? [] : [`--scrub=${scrubIntervalMs}ms`];
  if (trust === undefined) return scrub;
  const { policy, signatures } = trust;
  return [
    ...scrub,
    `--trust-policy=${policy}`,
    ...(signatures === undefined ? [] : [`--trust-signatures=${signatures}`]),
  ];
}
