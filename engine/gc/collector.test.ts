import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { silentLog } from "#base/log.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import { openMemoryStore } from "#engine/content/memory-store.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import { Collector } from "./collector.ts";
import { FakeSnapshotter } from "./fake-snapshotter.ts";
import { type Item, type Lease, Leases } from "./leases.ts";

let root: string;
let files = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-gc-"));
});
after(() => rm(root, { recursive: true }));

class World {
  readonly db = openEngineDatabase(join(root, `${++files}.db`));
  readonly leases = new Leases({ db: this.db, now: () => 0, log: silentLog });
  readonly roots = new Map<string, readonly Item[]>();
  readonly content: ContentStore;
  readonly snapshots: FakeSnapshotter;
  readonly collector: Collector;
  readonly turn: () => Promise<void>;

  constructor(turn: () => Promise<void> = async () => {}) {
    this.turn = turn;
    this.content = slow(openMemoryStore(), turn);
    this.snapshots = new FakeSnapshotter(turn);
    this.collector = new Collector({
      content: this.content,
      snapshots: this.snapshots,
      leases: this.leases,
      roots: () => Array.from(this.roots.values()).flat(),
      now: () => 0,
      log: silentLog,
    });
  }

  ingest(text: string, lease?: Lease): Promise<{ digest: Digest }> {
    const claim = async (digest: Digest) => {
      await lease?.protect({ kind: "blob", ref: digest });
    };
    const source = (async function* () {
      yield Buffer.from(text);
    })();
    return this.content.ingest(source, { claim }, new AbortController().signal);
  }

  [Symbol.dispose](): void {
    this.collector[Symbol.dispose]();
    this.db[Symbol.dispose]();
  }
}

/** Every step of the store waits its turn, so that operations interleave. */
function slow(store: ContentStore, turn: () => Promise<void>): ContentStore {
  return {
    ...store,
    ingest: async (source, expected, signal) => {
      await turn();
      return await store.ingest(
        source,
        {
          claim: async (digest) => {
            await expected.claim?.(digest);
            await turn();
          },
        },
        signal,
      );
    },
    remove: async (digest) => {
      await turn();
      await store.remove(digest);
      await turn();
    },
    list: async () => {
      await turn();
      const all = await store.list();
      await turn();
      return all;
    },
  };
}

const layer = (name: string) => sha256Of(`layer ${name}`);

test("Collector: removes what nothing needs, children before parents", async () => {
  using world = new World();
  const { digest } = await world.ingest("garbage");
  world.snapshots.add(layer("a"), undefined, 10);
  world.snapshots.add(layer("b"), layer("a"), 20);
  const collected = await world.collector.collect();
  assert.deepEqual(collected, { blobs: [digest], layers: [layer("b"), layer("a")], bytes: 37 });
  assert.deepEqual(world.snapshots.list(), []);
});

test("Collector: keeps what images and leases need, and all below a container", async () => {
  using world = new World();
  const { digest } = await world.ingest("config");
  const { digest: leased } = await world.ingest("leased", world.leases.hold());
  world.roots.set("image", [
    { kind: "blob", ref: digest },
    { kind: "snapshot", ref: layer("b") },
  ]);
  for (const [name, parent] of [["a"], ["b", "a"], ["c", "a"], ["d", "c"]] as const)
    world.snapshots.add(layer(name), parent === undefined ? undefined : layer(parent));
  await world.snapshots.prepare("container", layer("c"));
  const collected = await world.collector.collect();
  assert.deepEqual(collected.layers, [layer("d")]);
  assert.deepEqual(
    (await world.content.list()).map((blob) => blob.digest),
    [digest, leased],
  );
});

test("Collector: calls during a run share one more run", async () => {
  using world = new World();
  const first = world.collector.collect();
  const [second, third] = [world.collector.collect(), world.collector.collect()];
  assert.equal(second, third);
  await first;
  await world.ingest("late");
  const last = await Promise.all([second, world.collector.collect()]);
  assert.equal(last[0].blobs.length + last[1].blobs.length, 1);
});

test("Collector: a removal that fails does not stop the others", async () => {
  using world = new World();
  world.snapshots.add(layer("a"), undefined);
  world.snapshots.add(layer("b"), undefined);
  const remove = world.snapshots.remove.bind(world.snapshots);
  world.snapshots.remove = (key) => (key === layer("a") ? Promise.reject(new Error("EIO")) : remove(key));
  assert.deepEqual((await world.collector.collect()).layers, [layer("b")]);
});

type Operation =
  | { readonly do: "load"; readonly image: number }
  | { readonly do: "drop"; readonly image: number }
  | { readonly do: "run"; readonly image: number }
  | { readonly do: "collect" };

const operations = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("load" as const), image: fc.nat(3) }),
    fc.record({ do: fc.constant("drop" as const), image: fc.nat(3) }),
    fc.record({ do: fc.constant("run" as const), image: fc.nat(3) }),
    fc.record({ do: fc.constant("collect" as const) }),
  ),
  { maxLength: 14 },
);

test("Collector: under any interleaving images stay whole, containers keep their layers, and garbage goes", async () => {
  await fc.assert(
    fc.asyncProperty(operations, fc.scheduler(), async (list, scheduler) => {
      using world = new World(() => scheduler.schedule(Promise.resolve()));
      let containers = 0;
      const running = list.map((operation) => perform(world, operation, () => `container-${++containers}`));
      await scheduler.waitFor(Promise.all(running));
      await assertWhole(world);
      await scheduler.waitFor(world.collector.collect());
      await assertWhole(world);
      await assertNoGarbage(world, (promise) => scheduler.waitFor(promise));
    }),
    { numRuns: 200 },
  );
});

/** Images share their base layer, and image 2 and 3 their config. */
function partsOf(image: number): { readonly texts: readonly string[]; readonly chain: readonly Digest[] } {
  return {
    texts: [`manifest ${image}`, `config ${Math.min(image, 2)}`, "layer base", `layer ${image}`],
    chain: [layer("base"), layer(`top ${image}`)],
  };
}

async function perform(world: World, operation: Operation, nextName: () => string): Promise<void> {
  switch (operation.do) {
    case "load":
      return await load(world, operation.image);
    case "drop":
      await world.turn();
      world.roots.delete(String(operation.image));
      return;
    case "run": {
      await world.turn();
      const top = partsOf(operation.image).chain[1];
      if (world.roots.has(String(operation.image)))
        await world.snapshots.prepare(nextName(), top).catch(() => {});
      return;
    }
    case "collect":
      await world.collector.collect();
      return;
    default:
      return operation satisfies never;
  }
}

async function load(world: World, image: number): Promise<void> {
  await using lease = world.leases.hold();
  const { texts, chain } = partsOf(image);
  const blobs = await Promise.all(texts.map((text) => world.ingest(text, lease)));
  let parent: Digest | undefined;
  for (const chainId of chain) {
    await lease.protect({ kind: "snapshot", ref: chainId });
    if (!world.snapshots.hasLayer(chainId)) {
      await world.turn();
      world.snapshots.add(chainId, parent);
    }
    parent = chainId;
  }
  world.roots.set(String(image), [
    ...blobs.map(({ digest }) => ({ kind: "blob" as const, ref: digest })),
    ...chain.map((ref) => ({ kind: "snapshot" as const, ref })),
  ]);
}

async function assertWhole(world: World): Promise<void> {
  for (const items of world.roots.values())
    for (const { kind, ref } of items)
      assert.ok(
        kind === "blob" ? await world.content.find(parseDigest(ref)) : world.snapshots.hasLayer(ref),
        `${kind} ${ref} is gone`,
      );
  for (const { key, parent } of world.snapshots.list())
    if (parent !== undefined) assert.ok(world.snapshots.hasLayer(parent), `${key} lost its parent`);
}

async function assertNoGarbage(world: World, settle: <T>(promise: Promise<T>) => Promise<T>): Promise<void> {
  const needed = new Set<string>(
    Array.from(world.roots.values())
      .flat()
      .map(({ ref }) => ref),
  );
  for (const { parent } of world.snapshots.list()) if (parent !== undefined) needed.add(parent);
  for (const { key, kind } of world.snapshots.list())
    assert.ok(kind === "container" || needed.has(key), `layer ${key} stays`);
  for (const { digest } of await settle(world.content.list()))
    assert.ok(needed.has(digest), `blob ${digest} stays`);
}
