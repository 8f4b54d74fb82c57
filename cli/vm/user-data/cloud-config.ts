import { Fault } from "#base/fault.ts";
import type { Decoded } from "../../compose/load/shape.ts";
import { toYaml } from "../../compose/render/yaml.ts";

/** A file that cloud-init writes. Its content is printable ASCII in lines, so that every reader of YAML reads the same. */
export interface WrittenFile {
  readonly path: string;
  /** Octal, as `0644`. */
  readonly permissions: string;
  readonly content: string;
}

/** The keys of cloud-init's configuration that are written here. @see cloud-init, "Module reference" */
export interface CloudConfig {
  readonly hostname: string;
  readonly disable_root: boolean;
  readonly ssh_genkeytypes: readonly string[];
  readonly ssh_authorized_keys?: readonly string[];
  readonly package_update?: boolean;
  readonly packages?: readonly string[];
  readonly write_files?: readonly WrittenFile[];
  readonly runcmd?: readonly (readonly string[])[];
}

/**
 * A machine that has a name and lets in who has one of the keys, as root and as the user that its image has.
 *
 * @throws {Fault} `invalid` for a name that is no host name
 */
export function baseConfig(name: string, keys: readonly string[]): CloudConfig {
  if (!/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(name))
    throw new Fault("invalid", `${name} is no host name: it is made of letters, digits and -, at most 63`);
  return {
    hostname: name,
    disable_root: false,
    // The others take seconds to make.
    ssh_genkeytypes: ["ed25519"],
    ...(keys.length > 0 && { ssh_authorized_keys: keys }),
  };
}

/** The user-data. */
export function writeCloudConfig(config: CloudConfig): string {
  return `#cloud-config\n${toYaml(config as unknown as Decoded)}`;
}
