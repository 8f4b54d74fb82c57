import { imageConfigOf } from "#engine/build/stage-state.ts";
import { imageIdOf } from "#engine/images/image-workshop.ts";
import own from "../../package.json" with { type: "json" };
import { provenanceOf, provenanceTypes } from "./provenance.ts";
import type { Vertex } from "./progress.ts";
import type { BuildAccount, PlatformImage } from "./solved.ts";

/** Something that is said about an image. */
export interface Attestation {
  readonly predicateType: string;
  readonly predicate: object;
  /** Of its file beside a file tree. */
  readonly path: string;
  readonly isInlineOnly: boolean;
}

export interface Subject {
  readonly name: string;
  readonly digest: { readonly sha256: string };
}

/**
 * What the client wants to be said about one of the images.
 *
 * @param now nanoseconds since 1970
 * @throws {Fault} `invalid` for layers whose packages cannot be looked up
 */
export async function attestationsOf(
  { attest, ...account }: BuildAccount,
  image: PlatformImage,
  vertex: Vertex,
  now: bigint,
  signal: AbortSignal,
): Promise<readonly Attestation[]> {
  const found: Attestation[] = [];
  const { provenance, hasSbom } = attest;
  if (hasSbom) found.push(await sbomOf(image, vertex, signal));
  if (provenance !== undefined)
    found.push({
      predicateType: provenanceTypes[provenance.version],
      predicate: provenanceOf({ ...account, attest }, image.built.bases, provenance, now),
      path: "provenance.json",
      isInlineOnly: provenance.isInlineOnly,
    });
  return found;
}

async function sbomOf({ built }: PlatformImage, vertex: Vertex, signal: AbortSignal): Promise<Attestation> {
  const { takeInventory } = await import("#engine/sbom/inventory.ts");
  const { sbomDocument } = await import("#engine/sbom/write-sbom.ts");
  const part = vertex.part("generating sbom");
  const config = imageConfigOf(built.state);
  const created = Math.floor(Date.parse(config.created ?? "") / 1000);
  const subject = {
    digest: built.state.id ?? imageIdOf(config),
    architecture: config.architecture,
    os: config.os,
    layers: config.rootfs.diff_ids,
    inventory: await takeInventory(built.layerTars(), signal),
    time: built.epoch ?? (Number.isNaN(created) ? 0 : created),
    toolVersion: own.version,
  };
  part.done();
  return {
    predicateType: "https://spdx.dev/Document",
    predicate: sbomDocument(subject, "spdx-json"),
    path: "sbom.spdx.json",
    isInlineOnly: false,
  };
}

/** @see in-toto.io, Statement v0.1 */
export function statementOf({ predicateType, predicate }: Attestation, subject: readonly Subject[]): object {
  return { _type: "https://in-toto.io/Statement/v0.1", predicateType, subject, predicate };
}
