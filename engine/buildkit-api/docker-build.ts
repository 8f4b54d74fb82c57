import { randomUUID } from "node:crypto";
import { statusResponse } from "#api/buildkit/control.ts";
import { type ControlDeps, solve } from "./control.ts";
import type { History } from "./history.ts";

/** A build that Docker's own API asks for, with the files in a session. */
export interface DockerBuild {
  /** The client's name for it; empty for none. */
  readonly ref: string;
  readonly session: string;
  /** Of the Dockerfile front end. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly exporters: readonly { readonly type: string; readonly attrs: ReadonlyMap<string, string> }[];
}

/**
 * Builds, and tells of it in encoded moby.buildkit.v1.StatusResponse messages. Returns the image's ID, undefined when what was
 * asked for is no image.
 */
export async function dockerBuild(
  deps: ControlDeps,
  history: History,
  { ref: asked, session, attributes, exporters }: DockerBuild,
  send: (status: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ref = asked === "" ? randomUUID() : asked;
  const stop = new AbortController();
  const told = tell(deps, ref, send, AbortSignal.any([signal, stop.signal]));
  try {
    const response = await solve(
      deps,
      history,
      {
        ref,
        session,
        frontend: "dockerfile.v0",
        frontendAttrs: attributes,
        exporters,
        definition: undefined,
        exporterDeprecated: "",
        exporterAttrsDeprecated: new Map(),
        cache: undefined,
        entitlements: [],
        internal: false,
      },
      signal,
    );
    await told;
    return response.get("containerimage.config.digest");
  } finally {
    stop.abort();
    await Promise.allSettled([told]);
  }
}

async function tell(
  { jobs }: ControlDeps,
  ref: string,
  send: (status: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const job = await jobs.get(ref, signal);
  for await (const event of job.progress.events(signal)) await send(statusResponse.encode(event));
}
