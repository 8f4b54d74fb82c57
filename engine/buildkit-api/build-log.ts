import { promisify } from "node:util";
import { statusResponse } from "#api/buildkit/control.ts";
import type { MessageOf } from "#base/protobuf.ts";

type Told = Partial<MessageOf<typeof statusResponse>>;

/** As BuildKit has it for a step: output beyond that is for those who watch. */
const maxOutputBytes = 2 << 20;
const eventsInMessage = 64;

/** What a build tells, kept for those who ask when it is over. */
export class BuildLog {
  readonly #events: Told[] = [];
  #outputBytes = 0;

  take(event: Told): void {
    for (const { msg } of event.logs ?? []) this.#outputBytes += msg?.length ?? 0;
    if (this.#outputBytes > maxOutputBytes && (event.logs ?? []).length > 0) return;
    this.#events.push(event);
  }

  /** As small as it gets; to be read with {@link unpackLog}. */
  async pack(): Promise<Buffer> {
    const { deflateRaw } = process.getBuiltinModule("node:zlib");
    const parts: Buffer[] = [];
    for (let at = 0; at < this.#events.length; at += eventsInMessage) {
      const message = statusResponse.encode(mergedEvents(this.#events.slice(at, at + eventsInMessage)));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(message.length);
      parts.push(head, Buffer.from(message));
    }
    return await promisify(deflateRaw)(Buffer.concat(parts));
  }
}

/** Messages of moby.buildkit.v1.StatusResponse. */
export async function* unpackLog(packed: Buffer): AsyncGenerator<Told> {
  const { inflateRaw } = process.getBuiltinModule("node:zlib");
  const whole = await promisify<Buffer, Buffer>(inflateRaw)(packed);
  for (let at = 0; at < whole.length; ) {
    const end = at + 4 + whole.readUInt32BE(at);
    yield statusResponse.decode(whole.subarray(at + 4, end));
    at = end;
  }
}

/** Several as one. */
export function mergedEvents(events: readonly Told[]): Told {
  return {
    vertexes: events.flatMap(({ vertexes }) => vertexes ?? []),
    statuses: events.flatMap(({ statuses }) => statuses ?? []),
    logs: events.flatMap(({ logs }) => logs ?? []),
    warnings: events.flatMap(({ warnings }) => warnings ?? []),
  };
}
