import { Fault } from "#base/fault.ts";

/** As Go writes it, in this order. */
export interface ListedPlatform {
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
}

export interface ListedDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: ListedPlatform;
}

/** A manifest with all that is known of it, in the form in which Docker's tools keep it. */
export interface ImageManifest {
  readonly Ref: string;
  readonly Descriptor: ListedDescriptor;
  /** Base64 of its bytes. */
  readonly Raw: string;
  readonly SchemaV2Manifest?: object;
  readonly OCIManifest?: object;
}

interface Layers {
  readonly config?: { readonly digest?: string };
  readonly layers?: readonly { readonly digest?: string }[];
}

const types = {
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
} as const;

export function isList(mediaType: string): boolean {
  return mediaType === types.dockerList || mediaType === types.ociIndex;
}

export function imageManifest(ref: string, descriptor: ListedDescriptor, bytes: Buffer): ImageManifest {
  const parsed = JSON.parse(bytes.toString("utf8")) as object;
  const isOci = descriptor.mediaType === types.ociManifest;
  return {
    Ref: ref,
    Descriptor: descriptor,
    Raw: bytes.toString("base64"),
    ...(isOci ? { OCIManifest: parsed } : { SchemaV2Manifest: parsed }),
  };
}

/** What has to be there before the manifest is: its config and its layers. */
export function blobsOf({ SchemaV2Manifest, OCIManifest }: ImageManifest): readonly string[] {
  const { config, layers = [] } = (SchemaV2Manifest ?? OCIManifest ?? {}) as Layers;
  return [config, ...layers].flatMap((one) => one?.digest ?? []);
}

/** The list of these, and how it is written. */
export function manifestList(manifests: readonly ImageManifest[]): {
  readonly mediaType: string;
  readonly text: string;
} {
  const isOci = manifests[0]?.Descriptor.mediaType === types.ociManifest;
  const mediaType = isOci ? types.ociIndex : types.dockerList;
  const list = {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(({ Descriptor: { mediaType: type, size, digest, platform } }) => ({
      mediaType: type,
      size,
      digest,
      platform,
    })),
  };
  return { mediaType, text: JSON.stringify(list, undefined, 3) };
}

const platforms: Readonly<Record<string, readonly string[]>> = {
  darwin: ["386", "amd64", "arm", "arm64"],
  dragonfly: ["amd64"],
  freebsd: ["386", "amd64", "arm"],
  linux: ["386", "amd64", "arm", "arm64", "ppc64le", "mips64", "mips64le", "riscv64", "s390x"],
  netbsd: ["386", "amd64", "arm"],
  openbsd: ["386", "amd64", "arm"],
  plan9: ["386", "amd64"],
  solaris: ["amd64"],
  windows: ["386", "amd64", "arm"],
};

/** What is said of a manifest beyond what its image says of itself; empty for nothing. */
export interface Annotation {
  readonly os: string;
  readonly arch: string;
  readonly variant: string;
  readonly osVersion: string;
  readonly osFeatures: readonly string[];
}

/** @throws {Fault} `invalid` for a platform that there is not */
export function annotated(manifest: ImageManifest, annotation: Annotation): ImageManifest {
  const { Descriptor } = manifest;
  const { os, arch, variant, osVersion, osFeatures } = annotation;
  const known: ListedPlatform = Descriptor.platform ?? { architecture: "", os: "" };
  const system = os === "" ? known.os : os;
  const architecture = arch === "" ? known.architecture : arch;
  if (platforms[system]?.includes(architecture) !== true)
    throw new Fault("invalid", `manifest entry for image has unsupported os/arch combination: ${os}/${arch}`);
  const version = osVersion === "" ? known["os.version"] : osVersion;
  const features = [...(known["os.features"] ?? [])];
  for (const one of osFeatures) if (!features.includes(one)) features.push(one);
  const kind = variant === "" ? known.variant : variant;
  const platform: ListedPlatform = {
    architecture,
    os: system,
    ...(version !== undefined && { "os.version": version }),
    ...(features.length > 0 && { "os.features": features }),
    ...(kind !== undefined && { variant: kind }),
  };
  return { ...manifest, Descriptor: { ...Descriptor, platform } };
}
