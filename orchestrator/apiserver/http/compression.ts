import { createGzip } from "node:zlib";
import type { ApiAnswer } from "../api-request.ts";

/** Shorter answers are not worth it. */
const leastBytes = 128 << 10;

/** The answer, compressed when the client takes that and it is long. */
export async function compressed(answer: ApiAnswer, acceptEncoding: string | undefined): Promise<ApiAnswer> {
  if (!/\bgzip\b/.test(acceptEncoding ?? "")) return answer;
  if (answer.kind === "upgrade" || "content-encoding" in answer.headers) return answer;
  if (answer.kind === "bytes") {
    if (answer.body.length < leastBytes) return answer;
    return zipped(answer, [answer.body], undefined);
  }
  if (answer.mayCompress !== true) return answer;
  const rest = answer.body[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < leastBytes) {
    const { done, value } = await rest.next();
    if (done === true) {
      const body = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held, bytes);
      return { kind: "bytes", status: answer.status, headers: answer.headers, body };
    }
    held.push(value);
    bytes += value.length;
  }
  return zipped(answer, held, rest);
}

function zipped(
  { status, headers }: Extract<ApiAnswer, { kind: "bytes" | "stream" }>,
  held: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
): ApiAnswer {
  const gzip = createGzip({ level: 1 });
  return {
    kind: "stream",
    status,
    headers: { ...headers, "content-encoding": "gzip", vary: "Accept-Encoding" },
    body: pumped(gzip, held, rest),
  };
}

async function* pumped(
  gzip: ReturnType<typeof createGzip>,
  held: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
): AsyncGenerator<Uint8Array> {
  const fill = async () => {
    for (const piece of held) gzip.write(piece);
    for (;;) {
      const next = await rest?.next();
      if (next === undefined || next.done === true) break;
      if (!gzip.write(next.value)) await new Promise((resolve) => gzip.once("drain", resolve));
    }
    gzip.end();
  };
  const filled = fill().catch((error: unknown) => gzip.destroy(error instanceof Error ? error : undefined));
  try {
    yield* gzip as AsyncIterable<Uint8Array>;
    await filled;
  } finally {
    gzip.destroy();
    await rest?.return?.();
  }
}
