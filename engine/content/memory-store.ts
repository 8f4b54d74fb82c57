import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import { type Digest, hexOf } from "#oci/digest.ts";
import { abortable } from "./abortable.ts";
import type { ContentStore, Expected } from "./content-store.ts";
import { checkGrowth, checkWhole } from "./expected.ts";
import { sha256Of } from "./sha256.ts";

/** A store that forgets. Its blobs have no files: {@link ContentStore.pathsOf} names none that exists. */
export function openMemoryStore(): ContentStore {
  const blobs = new Map<Digest, Buffer>();
  const get = (digest: Digest): Buffer => {
    const blob = blobs.get(digest);
    if (blob === undefined) throw new Fault("not-found", `blob ${digest} not found`, { detail: { digest } });
    return blob;
  };
  return {
    async ingest(source, expected, signal) {
      const content = await gather(source, expected, signal);
      const info = { digest: sha256Of(content), size: content.length };
      checkWhole(info, expected);
      await expected.claim?.(info.digest);
      blobs.set(info.digest, content);
      return info;
    },
    async ingestFile(fill, claim) {
      const path = join(tmpdir(), randomUUID());
      try {
        const info = await fill(path);
        await claim(info.digest);
        blobs.set(info.digest, await readFile(path));
        return info;
      } finally {
        await rm(path, { force: true });
      }
    },
    async settle() {},
    async resume({ digest, size, claim }, sourceFrom, signal) {
      if (blobs.has(digest)) await claim?.(digest);
      else await this.ingest(sourceFrom(0), { digest, size, ...(claim && { claim }) }, signal);
      return { digest, size };
    },
    async adopt(path, digest) {
      blobs.set(digest, await readFile(path));
      await rm(path);
    },
    async dropPartial() {},
    async find(digest) {
      const size = blobs.get(digest)?.length;
      return size === undefined ? undefined : { digest, size };
    },
    async open(digest) {
      return Readable.from([get(digest)], { objectMode: false });
    },
    async read(digest, maxBytes) {
      const content = get(digest);
      if (content.length > maxBytes)
        throw new Fault(
          "invalid",
          `blob ${digest} has ${content.length} bytes, at most ${maxBytes} are allowed`,
        );
      return content;
    },
    pathsOf: (digest) => [`/nonexistent/memory/${hexOf(digest)}`],
    async remove(digest) {
      blobs.delete(digest);
    },
    async list() {
      return Array.from(blobs, ([digest, { length: size }]) => ({ digest, size }));
    },
  };
}

async function gather(
  source: AsyncIterable<Uint8Array>,
  expected: Expected,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of abortable(source, signal)) {
    size += chunk.length;
    checkGrowth(size, expected);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
