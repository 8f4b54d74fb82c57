import type { ApiAnswer } from "../api-request.ts";
import { inChunks } from "../cache/in-chunks.ts";
import type { ListResult } from "../cache/list-page.ts";
import type { Representation } from "../representation/representation.ts";

/** Goes out piece by piece. */
export function listAnswer(representation: Representation, page: ListResult): ApiAnswer {
  return {
    kind: "stream",
    status: 200,
    headers: { "content-type": representation.contentType },
    mayCompress: true,
    body: eventually(inChunks(representation.list(page))),
  };
}

async function* eventually(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
