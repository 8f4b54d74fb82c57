import { createHash } from "node:crypto";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";

/** Archives made by hand, for tests. */

export interface FixtureFile {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly linkTo?: string;
}

export function tarOf(...files: readonly FixtureFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { path, content = "", linkTo } of files) {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const entry = {
      type: linkTo === undefined ? ("file" as const) : ("symlink" as const),
      path,
      linkPath: linkTo ?? "",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: { seconds: 0, nanoseconds: 0 },
      major: 0,
      minor: 0,
    };
    parts.push(tarHeader(entry));
    if (linkTo === undefined) parts.push(bytes, tarPadding(bytes.length));
  }
  return Buffer.concat([...parts, tarEnd]);
}

export function hexOfBytes(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

export function digestOfBytes(content: string | Uint8Array): string {
  return `sha256:${hexOfBytes(content)}`;
}

/** A layer with one file of that name. */
export function layerOf(name: string, content = name): Buffer {
  return tarOf({ path: name, content });
}

export function configOf(layers: readonly Uint8Array[], extra: object = {}): string {
  return JSON.stringify({
    architecture: "amd64",
    os: "linux",
    created: "2024-05-06T07:08:09.123456789Z",
    config: { Cmd: ["sh"], Labels: { made: "here" } },
    rootfs: { type: "layers", diff_ids: layers.map(digestOfBytes) },
    ...extra,
  });
}

/** As `docker save` of 20.10 writes it. */
export function dockerArchive(
  images: readonly {
    readonly layers: readonly Uint8Array[];
    readonly tags: readonly string[];
    readonly extra?: object;
  }[],
): Buffer {
  const files: FixtureFile[] = [];
  const manifest: object[] = [];
  for (const { layers, tags, extra } of images) {
    const config = configOf(layers, extra);
    const paths = layers.map((layer) => `${hexOfBytes(layer)}/layer.tar`);
    for (const [index, layer] of layers.entries()) files.push({ path: paths[index] ?? "", content: layer });
    files.push({ path: `${hexOfBytes(config)}.json`, content: config });
    manifest.push({ Config: `${hexOfBytes(config)}.json`, RepoTags: tags, Layers: paths });
  }
  return tarOf(...files, { path: "manifest.json", content: JSON.stringify(manifest) });
}

export interface OciImage {
  readonly manifest: string;
  readonly blobs: readonly (string | Uint8Array)[];
}

export function ociImage(layers: readonly Uint8Array[], extra: object = {}): OciImage {
  const config = configOf(layers, extra);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptorOf("application/vnd.oci.image.config.v1+json", config),
    layers: layers.map((layer) => descriptorOf("application/vnd.oci.image.layer.v1.tar", layer)),
  });
  return { manifest, blobs: [config, ...layers, manifest] };
}

export function descriptorOf(mediaType: string, content: string | Uint8Array, extra: object = {}): object {
  return { mediaType, digest: digestOfBytes(content), size: Buffer.byteLength(content), ...extra };
}

export const ociManifestType = "application/vnd.oci.image.manifest.v1+json";
export const ociIndexType = "application/vnd.oci.image.index.v1+json";

export function ociLayout(manifests: readonly object[], blobs: readonly (string | Uint8Array)[]): Buffer {
  return tarOf(
    { path: "oci-layout", content: `{"imageLayoutVersion":"1.0.0"}` },
    ...blobs.map((content) => ({ path: `blobs/sha256/${hexOfBytes(content)}`, content })),
    { path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests }) },
  );
}
