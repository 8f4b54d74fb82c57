import type { Digest } from "#oci/digest.ts";
import type { Repository } from "./repository.ts";
import { remoteFault } from "./remote-fault.ts";
import { Patience } from "./retry.ts";

export interface WantedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

const maxFailures = 6;

/**
 * A blob's bytes from `offset` on, through broken connections and registries that come back: each time it goes on where it stopped.
 * Not verified.
 *
 * @param onWait told of the seconds until the next try
 * @throws {Fault} `remote` when several tries in a row have brought nothing
 */
export async function* steadyBlob(
  repository: Repository,
  { digest, size }: WantedBlob,
  offset: number,
  onWait: (seconds: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const patience = new Patience(maxFailures);
  let at = offset;
  while (at < size) {
    try {
      for await (const chunk of repository.blob(digest, at, signal)) {
        patience.reset();
        at += chunk.length;
        yield chunk;
      }
      if (at < size) throw remoteFault("unexpected EOF", { code: "", status: 0, isTransient: true });
    } catch (error) {
      if (at >= size) return;
      await patience.after(error, onWait, signal);
    }
  }
}
