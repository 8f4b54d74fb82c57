import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { silentLog } from "#base/log.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { openFileStore } from "#engine/content/file-store.ts";
import { FakeSnapshotter } from "#engine/gc/fake-snapshotter.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import type { Database } from "#host/sqlite/database.ts";
import type { Progress } from "./images.ts";
import { LocalImages, type LocalImagesDeps } from "./local-images.ts";

export interface TestImages extends AsyncDisposable {
  readonly images: LocalImages;
  readonly content: ContentStore;
  readonly snapshots: FakeSnapshotter;
  readonly db: Database;
  /** `action id name`, in order. */
  readonly events: string[];
  readonly containers: { readonly image: string; readonly id: string; readonly isRunning: boolean }[];
  /** Loads and returns what was reported as text. */
  load(archive: Uint8Array): Promise<string>;
  /** A second daemon over the same records and blobs. */
  reopen(openGate?: LocalImagesDeps["openGate"]): LocalImages;
}

const abort = new AbortController();

/** Images on a real content store and database in a folder of their own, over layers that are rows only. */
export async function openTestImages(openGate?: LocalImagesDeps["openGate"]): Promise<TestImages> {
  const root = await mkdtemp(join(tmpdir(), "gantry-images-"));
  const db = openEngineDatabase(join(root, "db"));
  const content = await openFileStore(root);
  const snapshots = new FakeSnapshotter();
  const events: string[] = [];
  const containers: TestImages["containers"] = [];
  const open = (gate = openGate) =>
    new LocalImages({
      ...(gate !== undefined && { openGate: gate }),
      db,
      content,
      snapshots,
      use: { containersOf: (id) => containers.filter(({ image }) => image === id) },
      events: {
        publish: (_type, action, id, attributes) => events.push(`${action} ${id} ${attributes?.["name"]}`),
      },
      platform: { os: "linux", architecture: "amd64" },
      now: () => Date.parse("2025-01-01T00:00:00Z"),
      log: silentLog,
    });
  const images = open();
  return {
    images,
    content,
    snapshots,
    db,
    events,
    containers,
    load: async (archive) => {
      const lines: Progress[] = [];
      await images.load(Readable.from([archive]), { report: (line) => lines.push(line) }, abort.signal);
      return lines.map(({ stream = "" }) => stream).join("");
    },
    reopen: open,
    [Symbol.asyncDispose]: async () => {
      images[Symbol.dispose]();
      await images.collect();
      db[Symbol.dispose]();
      await rm(root, { recursive: true });
    },
  };
}
