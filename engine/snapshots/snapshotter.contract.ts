import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { blobOf, digestOf, type Fixture, tarOf } from "./layer-fixtures.ts";
import type { Snapshotter } from "./snapshotter.ts";

export interface SnapshotterUnderTest extends AsyncDisposable {
  readonly snapshotter: Snapshotter;
  /** Where the test may put blobs. */
  readonly folder: string;
}

/** What every snapshotter must do. */
export function snapshotterContract(
  name: string,
  open: () => Promise<SnapshotterUnderTest>,
  options: { readonly skip: boolean },
): void {
  const claim = (
    text: string,
    run: (subject: SnapshotterUnderTest, signal: AbortSignal) => Promise<void>,
  ) => {
    test(`${name}: ${text}`, options, async (t) => {
      await using subject = await open();
      await run(subject, t.signal);
    });
  };
  const file: Fixture = { path: "f", content: "hello" };
  const [base, middle, top] = [digestOf("1"), digestOf("2"), digestOf("3")];

  claim("an unpacked layer is there, whatever its compression", async ({ snapshotter, folder }, signal) => {
    await snapshotter.unpack(base, undefined, blobOf(folder, tarOf([file])), signal);
    await snapshotter.unpack(middle, base, blobOf(folder, tarOf([file]), { compression: "gzip" }), signal);
    await snapshotter.unpack(top, middle, blobOf(folder, tarOf([file]), { compression: "zstd" }), signal);
    assert.ok(snapshotter.hasLayer(base) && snapshotter.hasLayer(middle) && snapshotter.hasLayer(top));
    assert.deepEqual(snapshotter.list(), [{ key: top, kind: "layer", parent: middle }]);
    assert.equal(snapshotter.mountOf(top).lower.length, 3);
    assert.ok((await snapshotter.usage(base)) > 0);
  });

  claim("unpacking twice, or twice at once, gives one layer", async ({ snapshotter, folder }, signal) => {
    const source = blobOf(folder, tarOf([file]));
    const once = () => snapshotter.unpack(base, undefined, source, signal);
    await Promise.all([once(), once()]);
    await once();
    assert.equal(snapshotter.list().length, 1);
  });

  claim(
    "a layer that lies or is cut off is invalid and not there",
    async ({ snapshotter, folder }, signal) => {
      const archive = tarOf([file]);
      const sources = [
        blobOf(folder, archive, { diffId: digestOf("other") }),
        blobOf(folder, archive.subarray(0, 700)),
        blobOf(folder, Buffer.from("this is not an archive".repeat(100))),
        blobOf(folder, tarOf([file]).fill(1, 100, 104)),
      ];
      for (const source of sources) {
        await assert.rejects(snapshotter.unpack(base, undefined, source, signal), (e) =>
          isFault(e, "invalid"),
        );
        assert.equal(snapshotter.hasLayer(base), false);
      }
      assert.deepEqual(snapshotter.list(), []);
    },
  );

  claim("what has no parent there is not found", async ({ snapshotter, folder }, signal) => {
    const source = blobOf(folder, tarOf([file]));
    const notFound = (error: unknown) => isFault(error, "not-found");
    await assert.rejects(snapshotter.unpack(top, base, source, signal), notFound);
    await assert.rejects(snapshotter.prepare("c", base, signal), notFound);
    await assert.rejects(snapshotter.remove("c"), notFound);
    await assert.rejects(snapshotter.usage("c"), notFound);
    assert.throws(() => snapshotter.mountOf("c"), notFound);
    assert.deepEqual(snapshotter.list(), []);
  });

  claim(
    "a container has an upper folder, and always something below",
    async ({ snapshotter, folder }, signal) => {
      await snapshotter.unpack(base, undefined, blobOf(folder, tarOf([file])), signal);
      await snapshotter.prepare("with", base, signal);
      await snapshotter.prepare("without", undefined, signal);
      const [layer, container] = [snapshotter.mountOf(base), snapshotter.mountOf("with")];
      assert.equal(layer.upper, undefined);
      assert.equal(container.lower[0], layer.lower[0]);
      assert.ok(container.upper !== undefined && container.work !== undefined);
      assert.equal(snapshotter.mountOf("without").lower.length, 1);
      assert.equal(await snapshotter.usage("with"), 0);
    },
  );

  claim("a container's snapshot is made once", async ({ snapshotter }, signal) => {
    await snapshotter.prepare("c", undefined, signal);
    const again = snapshotter.prepare("c", undefined, signal);
    await assert.rejects(again, (error) => isFault(error, "already-exists"));
  });

  claim("a layer that others stand on stays", async ({ snapshotter, folder }, signal) => {
    await snapshotter.unpack(base, undefined, blobOf(folder, tarOf([file])), signal);
    await snapshotter.prepare("c", base, signal);
    await assert.rejects(snapshotter.remove(base), (error) => isFault(error, "conflict"));
    await snapshotter.remove("c");
    await snapshotter.remove(base);
    assert.deepEqual(snapshotter.list(), []);
  });

  claim(
    "a parent is either removed or has the child, never both",
    async ({ snapshotter, folder }, signal) => {
      await snapshotter.unpack(base, undefined, blobOf(folder, tarOf([file])), signal);
      const [prepared, removed] = await Promise.allSettled([
        snapshotter.prepare("c", base, signal),
        snapshotter.remove(base),
      ]);
      assert.notEqual(prepared.status, removed.status);
      assert.equal(snapshotter.hasLayer(base), prepared.status === "fulfilled");
    },
  );

  claim("an aborted unpack leaves nothing", async ({ snapshotter, folder }) => {
    const source = blobOf(folder, tarOf([file]));
    const abort = new AbortController();
    const unpacked = snapshotter.unpack(base, undefined, source, abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(unpacked, /enough/);
    assert.equal(snapshotter.hasLayer(base), false);
  });
}
