import { Fault } from "#base/fault.ts";
import type { TarEntry } from "#oci/tar/entry.ts";
import { defaultLimits, TarReader } from "#oci/tar/reader.ts";

/** An entry of an archive whose content can be read until the next entry is asked for. */
export interface ArchiveEntry {
  readonly entry: TarEntry;
  readonly content: AsyncGenerator<Uint8Array>;
}

type Event =
  | { readonly type: "entry"; readonly entry: TarEntry }
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "end" };

/** Image archives hold a few files for each layer. */
const limits = { ...defaultLimits, maxEntries: 100_000 };

/**
 * Pulls the entries out of a tar stream, one pass, content without a copy: a slow reader of the content holds the source back.
 * What is not read of a content is skipped.
 *
 * @throws {Fault} `invalid` for a broken archive, or a sparse file in it
 */
export async function* archiveEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const events = tarEvents(source);
  for (;;) {
    const next = await events.next();
    if (next.done === true) return;
    if (next.value.type !== "entry") continue;
    yield { entry: next.value.entry, content: contentOf(events) };
  }
}

async function* contentOf(events: AsyncGenerator<Event>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await events.next();
    if (next.done === true || next.value.type !== "data") return;
    yield next.value.bytes;
  }
}

async function* tarEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<Event> {
  let events: Event[] = [];
  let position = 0;
  const reader = new TarReader(
    {
      entry: (entry) => {
        position = 0;
        events.push({ type: "entry", entry });
      },
      data: (bytes, at) => {
        if (at !== position) throw new Fault("invalid", "sparse files are not allowed in image archives");
        position += bytes.length;
        events.push({ type: "data", bytes });
      },
      endEntry: () => events.push({ type: "end" }),
    },
    limits,
  );
  for await (const chunk of source) {
    reader.write(chunk);
    yield* events;
    events = [];
  }
  reader.end();
}
