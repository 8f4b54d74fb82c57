import type { HealthConfig } from "./docker-extensions.ts";

/** @see OCI image-spec v1.1.1, config.md#properties; the fields below `config` that Docker adds are in HealthConfig and below */
export interface ImageConfig {
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly variant?: string;
  readonly config?: ImageRuntimeConfig;
  /** Of the engine that made it; only Docker's older ones write it. */
  readonly docker_version?: string;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  readonly history?: readonly ImageHistory[];
  /** BuildKit's inline cache: records of how the layers came to be, in base64. Written, and not read with the rest. */
  readonly "moby.buildkit.cache.v0"?: string;
}

export interface ImageRuntimeConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: HealthConfig | null;
  readonly OnBuild?: readonly string[] | null;
  readonly Shell?: readonly string[] | null;
}

export interface ImageHistory {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}
