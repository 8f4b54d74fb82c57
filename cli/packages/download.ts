import { createHash } from "node:crypto";
import { Fault, messageOf } from "#base/fault.ts";

const TIMEOUT_MS = 60_000;

/**
 * Gets a file by HTTP, as a whole.
 *
 * @throws {Fault} `unavailable` when the server cannot be reached or fails; `not-found` when it has no such file; `invalid` when
 *   the file is larger than `maxBytes`
 */
export async function download(url: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const answer = await fetch(url, { signal: limit, headers: { "accept-encoding": "identity" } });
    if (answer.status === 404 || answer.status === 410) {
      await answer.body?.cancel();
      throw new Fault("not-found", `${url} is not there`);
    }
    if (!answer.ok || answer.body === null) throw new Fault("unavailable", `${url}: status ${answer.status}`);
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > maxBytes) throw new Fault("invalid", `${url} is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Fault) throw error;
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Fault("unavailable", `cannot reach ${new URL(url).host}: ${messageOf(cause)}`, {
      cause: error,
    });
  }
  return Buffer.concat(chunks);
}

/** @throws {Fault} as {@link download}; `invalid` when the bytes are not those that the hash is of */
export async function downloadVerified(
  url: string,
  wanted: { readonly size: number; readonly hash: string },
  signal: AbortSignal,
): Promise<Buffer> {
  const bytes = await download(url, wanted.size, signal);
  if (bytes.length !== wanted.size || sha256Hex(bytes) !== wanted.hash)
    throw new Fault("invalid", `${url} is not what its index says`);
  return bytes;
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
