import assert from "node:assert/strict";
import { test } from "node:test";
import type { TarEntry } from "./entry.ts";
import { TarReader } from "./reader.ts";
import { clampedEntry, rewrittenTar } from "./rewrite.ts";
import { tarEnd, tarHeader, tarPadding } from "./writer.ts";

const entryOf = (path: string, seconds: number, size = 0): TarEntry => ({
  type: size === 0 ? "directory" : "file",
  path,
  linkPath: "",
  mode: 0o4755,
  uid: 3_000_000,
  gid: 7,
  size,
  mtime: { seconds, nanoseconds: 5 },
  major: 0,
  minor: 0,
  xattrs: new Map([["user.a", Buffer.from([0, 255])]]),
});

async function* archive(): AsyncGenerator<Uint8Array> {
  yield tarHeader(entryOf("d", 2000));
  yield tarHeader(entryOf(`d/${"n".repeat(300)}`, 2000, 5));
  yield Buffer.from("12");
  yield Buffer.from("345");
  yield tarPadding(5);
  yield tarHeader(entryOf("old", 10, 1));
  yield Buffer.from("x");
  yield tarPadding(1);
  yield tarEnd;
}

async function entriesOf(source: AsyncIterable<Uint8Array>) {
  const seen: { entry: TarEntry; text: string }[] = [];
  const reader = new TarReader({
    entry: (entry) => void seen.push({ entry, text: "" }),
    data: (bytes) => {
      const last = seen.at(-1);
      if (last !== undefined) last.text += Buffer.from(bytes).toString();
    },
    endEntry: () => {},
  });
  for await (const chunk of source) reader.write(chunk);
  reader.end();
  return seen;
}

test("rewrittenTar, clampedEntry: nothing is newer than that, everything else stays", async () => {
  const before = await entriesOf(archive());
  const after = await entriesOf(rewrittenTar(archive(), (entry) => clampedEntry(entry, 1000)));
  const clamped = { seconds: 1000, nanoseconds: 0 };
  assert.deepEqual(
    after,
    before.map(({ entry, text }) => ({
      text,
      entry: { ...entry, mtime: entry.mtime.seconds > 1000 ? clamped : entry.mtime },
    })),
  );
});

test("rewrittenTar: what is left out is gone with its content", async () => {
  const kept = (entry: TarEntry) => (entry.path.startsWith("d") ? undefined : entry);
  const after = await entriesOf(rewrittenTar(archive(), kept));
  assert.deepEqual(
    after.map(({ entry, text }) => [entry.path, text]),
    [["old", "x"]],
  );
});
