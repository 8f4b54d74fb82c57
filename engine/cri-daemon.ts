import { hostname } from "node:os";
import type { Log } from "#base/log.ts";
import type { CriDeps } from "#engine/cri-api/cri-deps.ts";
import { criMethods } from "#engine/cri-api/cri-methods.ts";
import { Streams } from "#engine/cri-api/streams.ts";
import { openPods } from "#engine/pods/open-pods.ts";
import type { PodsDeps } from "#engine/pods/pods.ts";
import type { PodRecords } from "#engine/pods/pod-records.ts";

export interface CriParts extends Omit<PodsDeps, "db" | "registry"> {
  readonly records: PodRecords;
  readonly images: PodsDeps["images"] & CriDeps["images"];
  readonly distribution: CriDeps["distribution"];
  readonly isUsedByDocker: CriDeps["isUsedByDocker"];
  readonly version: string;
}

interface OpenedCri extends AsyncDisposable {
  readonly methods: ReturnType<typeof criMethods>;
}

/** Takes over the pods of an earlier daemon; from then on the CRI's methods can be called. */
export async function openCri(parts: CriParts): Promise<OpenedCri> {
  const { records, images, distribution, isUsedByDocker, version, launcher, now } = parts;
  const log: Log = parts.log.with({ area: "cri" });
  await using undo = new AsyncDisposableStack();
  const { db, containers: registry } = records.open();
  const pods = undo.use(await openPods({ ...parts, db, registry, log }));
  const streams = undo.use(new Streams(log));
  const methods = criMethods({
    pods,
    images,
    distribution,
    isUsedByDocker,
    host: launcher.host,
    hostName: hostname(),
    version,
    handlers: Object.keys(launcher.runtimes.list()),
    snapshotRoot: launcher.snapshots.root,
    streams,
    log,
    now,
  });
  void pods.network.warm().catch((error: unknown) => log.warn("pods' network is not ready yet", { error }));
  const opened = undo.move();
  return { methods, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
