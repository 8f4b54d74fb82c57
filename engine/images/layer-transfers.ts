import type { Digest } from "#oci/digest.ts";
import { Arrival } from "#engine/content/arrival.ts";
import { steadyBlob } from "#engine/registry/steady-blob.ts";
import { LayerProgress } from "./layer-progress.ts";
import type { PlannedLayer } from "./planned-image.ts";
import type { PullDeps, PullTask } from "./pull.ts";
import type { UnpackWatch } from "./unpack.ts";

export interface LayerTransfers {
  /** For whoever unpacks the layers; tells the client, too. */
  readonly watch: UnpackWatch;
  /** All that are under way. */
  readonly transfers: readonly Promise<void>[];
}

interface Coming {
  readonly arrival: Arrival;
  readonly transfer: Promise<void>;
}

/** Begins to get the layers that are not here, as many at once as there are slots. `signal` ends them. */
export async function startTransfers(
  deps: PullDeps,
  task: PullTask,
  layers: readonly PlannedLayer[],
  signal: AbortSignal,
): Promise<LayerTransfers> {
  const lines = new Map<Digest, LayerProgress>();
  const missing: PlannedLayer[] = [];
  for (const layer of layers) {
    const { digest } = layer.descriptor;
    const line = lines.get(digest) ?? new LayerProgress(digest, task.report, deps.now);
    lines.set(digest, line);
    const isHere = deps.snapshots.hasLayer(layer.chainId) && (await deps.content.find(digest)) !== undefined;
    line.tell(isHere ? "Already exists" : "Pulling fs layer");
    if (!isHere) missing.push(layer);
  }
  const coming = startAll(deps, task, missing, lines, signal);
  const transfers = Array.from(coming.values(), ({ transfer }) => transfer);
  return { transfers, watch: watchOf(new Set(missing), coming, lines) };
}

function startAll(
  deps: PullDeps,
  task: PullTask,
  missing: readonly PlannedLayer[],
  lines: ReadonlyMap<Digest, LayerProgress>,
  signal: AbortSignal,
): ReadonlyMap<Digest, Coming> {
  const transfers = new Map<Digest, Coming>();
  for (const layer of missing) {
    const { digest } = layer.descriptor;
    const line = lines.get(digest);
    if (line === undefined || transfers.has(digest)) continue;
    if (deps.slots.isFull) line.tell("Waiting");
    const arrival = new Arrival(layer.descriptor.size);
    const transfer = deps.slots.run(() => fetchLayer(deps, task, layer, { line, arrival }, signal), signal);
    transfer.catch(() => {}); // whoever unpacks the layer meets it
    transfers.set(digest, { arrival, transfer });
  }
  return transfers;
}

async function fetchLayer(
  deps: PullDeps,
  { repository }: PullTask,
  { descriptor }: PlannedLayer,
  { line, arrival }: { readonly line: LayerProgress; readonly arrival: Arrival },
  signal: AbortSignal,
): Promise<void> {
  const { size } = descriptor;
  const onWait = (seconds: number) => line.tell(`Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`);
  await deps.content.resume(
    { ...descriptor, onGrowth: (path, bytes) => arrival.grown(path, bytes) },
    async function* (offset) {
      let current = offset;
      for await (const chunk of steadyBlob(repository, descriptor, offset, onWait, signal)) {
        current += chunk.length;
        line.advance("Downloading", current, size);
        yield chunk;
      }
      line.tell("Verifying Checksum");
    },
    signal,
  );
  line.tell("Download complete");
}

function watchOf(
  missing: ReadonlySet<PlannedLayer>,
  transfers: ReadonlyMap<Digest, Coming>,
  lines: ReadonlyMap<Digest, LayerProgress>,
): UnpackWatch {
  const lineOf = ({ descriptor }: PlannedLayer) => lines.get(descriptor.digest);
  return {
    available: async ({ descriptor }) => await transfers.get(descriptor.digest)?.transfer,
    arrivalOf: ({ descriptor }) => transfers.get(descriptor.digest)?.arrival,
    unpacking: (layer, current) => lineOf(layer)?.mark("Extracting", current, layer.descriptor.size),
    placed: (layer) => {
      if (missing.has(layer)) lineOf(layer)?.tell("Pull complete");
    },
  };
}
