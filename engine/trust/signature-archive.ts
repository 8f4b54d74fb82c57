import { createHash } from "node:crypto";
import type { Descriptor } from "#oci/descriptor.ts";
import { mediaTypes } from "#oci/media-types.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";

/** A signature as a layer of an artifact. */
export interface SignatureLayer {
  readonly mediaType: string;
  readonly content: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * An OCI image layout, as a tar archive, that holds nothing but an artifact with the signatures of `subject`: a referrer, as
 * cosign 3 pushes it. `docker load` of an engine that knows the subject attaches it.
 *
 * @see OCI image-spec v1.1.1, manifest.md#guidelines-for-artifact-usage
 */
export function signatureArchive(
  subject: Descriptor,
  layers: readonly SignatureLayer[],
  artifact: {
    readonly type?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): Buffer {
  const config = Buffer.from("{}");
  const { mediaType, digest, size } = subject;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: artifact.type ?? layers[0]?.mediaType,
      config: descriptorOf("application/vnd.oci.empty.v1+json", config),
      layers: layers.map((layer) => ({
        ...descriptorOf(layer.mediaType, layer.content),
        ...(layer.annotations !== undefined && { annotations: layer.annotations }),
      })),
      subject: { mediaType, digest, size },
      ...(artifact.annotations !== undefined && { annotations: artifact.annotations }),
    }),
  );
  const index = { schemaVersion: 2, manifests: [descriptorOf(mediaTypes.ociManifest, manifest)] };
  return Buffer.concat([
    ...file("oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
    ...[config, ...layers.map(({ content }) => content), manifest].flatMap((blob) =>
      file(`blobs/sha256/${hashOf(blob)}`, blob),
    ),
    ...file("index.json", Buffer.from(JSON.stringify(index))),
    tarEnd,
  ]);
}

function descriptorOf(mediaType: string, content: Uint8Array) {
  return { mediaType, digest: `sha256:${hashOf(content)}`, size: content.length };
}

function hashOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function file(path: string, content: Uint8Array): readonly Uint8Array[] {
  const header = tarHeader({
    type: "file",
    path,
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
  });
  return [header, content, tarPadding(content.length)];
}
