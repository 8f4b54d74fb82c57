import { infoRequest, infoResponse, readContentRequest, readContentResponse } from "#api/buildkit/content.ts";
import type { buildHistoryEvent } from "#api/buildkit/control.ts";
import { Fault } from "#base/fault.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { sha256Of } from "#engine/content/sha256.ts";
import { type Methods, streaming, unary } from "#rpc/methods.ts";
import { provenanceOf, provenanceTypes } from "./provenance.ts";
import type { Solved } from "./solved.ts";

/** What history tells of a build's results, and the documents that it names. */
export interface ResultsTold {
  readonly told: Pick<NonNullable<MessageOf<typeof buildHistoryEvent>["record"]>, "result" | "results">;
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

const whole = {
  isWhole: true,
  version: "v0.2",
  builderId: "",
  isReproducible: false,
  isInlineOnly: false,
} as const;

/** How each of the results came to be, whether the client wants it with them or not. @param now nanoseconds since 1970 */
export function resultsTold({ images, isMulti, account }: Solved, now: bigint): ResultsTold {
  const blobs = new Map<string, Buffer>();
  const infos = new Map<string, ReturnType<typeof infoOf>>();
  for (const { platform, built } of images) {
    const request = { ...whole, ...account.attest.provenance, isWhole: true, version: whole.version };
    const bytes = Buffer.from(JSON.stringify(provenanceOf(account, built.bases, request, now)));
    const digest = sha256Of(bytes);
    blobs.set(digest, bytes);
    infos.set(platform, infoOf(digest, bytes.length));
  }
  const [only] = infos.values();
  const told = isMulti ? { result: undefined, results: infos } : { result: only, results: new Map() };
  return { told, blobs };
}

function infoOf(digest: string, size: number) {
  const annotations = new Map([["in-toto.io/predicate-type", provenanceTypes[whole.version]]]);
  const attestation = { mediaType: "application/vnd.in-toto+json", digest, size, annotations };
  return { result: undefined, attestations: [attestation] };
}

/**
 * Blobs that history names.
 *
 * @see github.com/containerd/containerd, api/services/content/v1/content.proto
 */
export function contentMethods(find: (digest: string) => Buffer | undefined): Methods {
  const service = "/containerd.services.content.v1.Content";
  const blobOf = (digest: string) => {
    const blob = find(digest);
    if (blob === undefined) throw new Fault("not-found", `content ${digest.slice(0, 200)}: not found`);
    return blob;
  };
  return new Map([
    [
      `${service}/Info`,
      unary(infoRequest, infoResponse, ({ digest }) => ({ info: { digest, size: blobOf(digest).length } })),
    ],
    [
      `${service}/Read`,
      streaming(readContentRequest, readContentResponse, async ({ digest, offset, size }, send) => {
        const end = size === 0 ? undefined : offset + size;
        await send({ offset: BigInt(offset), data: blobOf(digest).subarray(offset, end) });
      }),
    ],
  ]);
}
