import type { ResolvedMount } from "#engine/volumes/volumes.ts";
import type { RunMount } from "#oci/dockerfile/instruction.ts";
import type { CopyFrom } from "./copy-step.ts";

/** A mount of a step with where its content comes from. */
export interface StepMount {
  readonly mount: RunMount;
  /** Absolute. */
  readonly destination: string;
  /** Of a bind or a cache that begins with something. */
  readonly from?: CopyFrom;
}

export function resolvedMount(
  type: string,
  source: string,
  destination: string,
  options: readonly string[],
): ResolvedMount {
  const point = {
    Type: "bind",
    Source: source,
    Destination: destination,
    Mode: "",
    RW: !options.includes("ro"),
    Propagation: "",
  } as const;
  return { point, type, source, destination, options };
}
