import { attestAttributes } from "../options/attests.ts";
import type { BuildOptions } from "../build-options.ts";
import { parseBytes } from "../../options/quantities.ts";

/** A value that is a line of `key=value` fields, or such fields. */
export type Fields = string | Readonly<Record<string, string>>;

/** A target as bake files have it, and as bake prints it. @see Docker docs, "Bake file reference" */
export interface BakeTarget {
  readonly annotations?: readonly string[];
  readonly attest?: readonly Fields[];
  readonly context?: string;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly dockerfile?: string;
  readonly "dockerfile-inline"?: string;
  readonly args?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly tags?: readonly string[];
  readonly "cache-from"?: readonly Fields[];
  readonly "cache-to"?: readonly Fields[];
  readonly target?: string;
  readonly secret?: readonly Fields[];
  readonly ssh?: readonly Fields[];
  readonly platforms?: readonly string[];
  readonly output?: readonly Fields[];
  readonly pull?: boolean;
  readonly "no-cache"?: boolean;
  readonly network?: string;
  readonly "no-cache-filter"?: readonly string[];
  readonly "shm-size"?: string;
  readonly ulimits?: readonly string[];
  readonly call?: string;
  readonly entitlements?: readonly string[];
  readonly "extra-hosts"?: Readonly<Record<string, string>>;
  readonly description?: string;
}

/** What a target asks for, as flags would say it. @throws {Fault} `invalid` */
export function optionsOf(target: BakeTarget): BuildOptions {
  const { context = ".", dockerfile, "shm-size": shm } = target;
  return {
    context,
    dockerfile: dockerfilePath(context, dockerfile),
    dockerfileInline: target["dockerfile-inline"],
    target: target.target,
    args: given(target.args),
    contexts: target.contexts ?? {},
    labels: given(target.labels),
    tags: target.tags ?? [],
    platforms: target.platforms ?? [],
    noCache: target["no-cache"] ?? false,
    noCacheFilter: target["no-cache-filter"] ?? [],
    pull: target.pull ?? false,
    network: target.network,
    addHosts: Object.entries(target["extra-hosts"] ?? {}).map(([name, address]) => `${name}=${address}`),
    shmSize: shm === undefined || shm === "" ? undefined : parseBytes(shm),
    ulimits: target.ulimits ?? [],
    secrets: lines(target.secret),
    ssh: (target.ssh ?? []).map(agentLine),
    entitlements: target.entitlements ?? [],
    outputs: lines(target.output),
    push: false,
    load: false,
    cacheFrom: lines(target["cache-from"]),
    cacheTo: lines(target["cache-to"]),
    annotations: target.annotations ?? [],
    attests: attestAttributes({ attest: lines(target.attest) }),
  };
}

/** Bake has it relative to the context, flags to where the user is. */
function dockerfilePath(context: string, dockerfile: string | undefined): string | undefined {
  const isUsual = dockerfile === undefined || dockerfile === "Dockerfile";
  if (isUsual || dockerfile.startsWith("/") || /^(\w+:\/\/|git@)/.test(context))
    return isUsual ? undefined : dockerfile;
  return `${context}/${dockerfile}`;
}

function given(values: Readonly<Record<string, string | null>> = {}): Readonly<Record<string, string>> {
  const known = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null);
  return Object.fromEntries(known);
}

function lines(values: readonly Fields[] = []): readonly string[] {
  return values.map((value) => (typeof value === "string" ? value : fieldLine(value)));
}

function fieldLine(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}`)
    .map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(",");
}

function agentLine(value: Fields): string {
  if (typeof value === "string") return value;
  const { id = "default", paths } = value as {
    readonly id?: string;
    readonly paths?: string | readonly string[];
  };
  return paths === undefined ? id : `${id}=${[paths].flat().join(",")}`;
}
