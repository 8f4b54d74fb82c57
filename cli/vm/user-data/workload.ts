import { formatReference, parseReference, withDefaultTag } from "#oci/reference.ts";
import type { WrittenFile } from "./cloud-config.ts";
import type { ServiceUnit } from "./unit-file.ts";

export const runtimeNames = ["gantry", "docker", "containerd", "cri-o"] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** A port of the machine that leads to one of the container. */
export interface PublishedPort {
  /** Empty for every address. */
  readonly address: string;
  readonly port: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
}

/** What a machine is for: one container. */
export interface Workload {
  /** As it was typed, e.g. `nginx`. */
  readonly image: string;
  /** `NAME=VALUE` */
  readonly env: readonly string[];
  readonly ports: readonly PublishedPort[];
  /** Instead of the image's own. */
  readonly command: readonly string[];
  /** Whether the image comes on a medium, see {@link mediumLabel}; otherwise the runtime gets it from its registry. */
  readonly isOnMedium: boolean;
}

/** Label of the ISO image that brings a container image, in a file as `docker save` writes it. */
export const mediumLabel = "GANTRY-IMAGE";
export const mediumFile = "image.tar";

/** What one runtime does for a workload. */
export interface Recipe {
  /** What the workload's unit waits for. */
  readonly service: string;
  /** Of the distribution; undefined when it has none. */
  readonly packages?: readonly string[];
  readonly files: (workload: Workload) => readonly WrittenFile[];
  readonly unit: (workload: Workload) => Pick<ServiceUnit, "isOneShot" | "before" | "start" | "stop">;
}

/** `docker.io/library/nginx:latest` for `nginx`. */
export function fullName(image: string): string {
  return formatReference(withDefaultTag(parseReference(image)));
}
