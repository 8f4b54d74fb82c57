import { Fault } from "#base/fault.ts";

/** @see OCI image-spec v1.1.1, image-index.md, property `platform` */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
}

const architectures: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  i386: ["386"],
  i486: ["386"],
  i586: ["386"],
  i686: ["386"],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  armv8l: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  armv5l: ["arm", "v5"],
  armv5: ["arm", "v5"],
  armv6l: ["arm", "v6"],
  armv6: ["arm", "v6"],
  armv7l: ["arm", "v7"],
  armv7: ["arm", "v7"],
};

const knownSystems: ReadonlySet<string> = new Set(["linux", "windows", "darwin", "freebsd", "wasi"]);

/**
 * One spelling for each platform: `x86_64` is amd64, `aarch64` arm64, `armv7l` arm/v7, arm without a variant v7, arm64/v8 and
 * amd64/v1 have none.
 */
export function normalisePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const name = platform.architecture.toLowerCase();
  const [architecture, implied] = Object.hasOwn(architectures, name)
    ? (architectures[name] ?? [name])
    : [name];
  const given = platform.variant?.toLowerCase() ?? "";
  const variant = normaliseVariant(architecture, given === "" ? (implied ?? "") : given);
  const version = platform["os.version"];
  return {
    os,
    architecture,
    ...(variant === "" ? {} : { variant }),
    ...(version === undefined || version === "" ? {} : { "os.version": version }),
  };
}

function normaliseVariant(architecture: string, variant: string): string {
  if (architecture === "arm") return variant === "" ? "v7" : /^\d/.test(variant) ? `v${variant}` : variant;
  if (architecture === "arm64") return variant === "8" || variant === "v8" ? "" : variant;
  if (architecture === "amd64") return variant === "v1" ? "" : variant;
  return variant;
}

/**
 * Parses what users type: `linux`, `arm64`, `linux/amd64`, `linux/arm/v7`. What is left out comes from `host`.
 *
 * @throws {Fault} `invalid`
 */
export function parsePlatform(text: string, host: Platform): Platform {
  const parts = text.split("/");
  const isSound = parts.length <= 3 && parts.every((part) => /^[A-Za-z0-9_.-]{1,64}$/.test(part));
  if (!isSound) throw new Fault("invalid", `"${text.slice(0, 200)}" is an invalid OS/Architecture specifier`);
  const [first = "", second, third] = parts;
  if (second !== undefined)
    return normalisePlatform({
      os: first,
      architecture: second,
      ...(third === undefined ? {} : { variant: third }),
    });
  if (knownSystems.has(first.toLowerCase())) return normalisePlatform({ ...host, os: first });
  return normalisePlatform({ os: host.os, architecture: first });
}

/** `linux/arm/v7` */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined)
    .join("/");
}

/** Platforms that a host can run, the best first: an arm64 host runs arm/v7 too, amd64 runs 386. */
export function compatiblePlatforms(wanted: Platform): readonly Platform[] {
  const best = normalisePlatform(wanted);
  const { os, architecture, variant } = best;
  const arms = ["v8", "v7", "v6", "v5"].map((each) => ({ os, architecture: "arm", variant: each }));
  if (architecture === "arm64" && variant === undefined) return [best, ...arms];
  if (architecture === "arm") {
    const from = arms.findIndex((arm) => arm.variant === variant);
    return from < 0 ? [best] : arms.slice(from);
  }
  if (architecture !== "amd64") return [best];
  const level = Number(/^v([2-9])$/.exec(variant ?? "")?.[1] ?? 1);
  const levels = Array.from({ length: level }, (_, index) => level - index);
  return [
    ...levels.map((each) => ({ os, architecture, ...(each === 1 ? {} : { variant: `v${each}` }) })),
    { os, architecture: "386" },
  ];
}

/** The entry that fits `wanted` best, the first of equals; undefined when none does. Entries without a platform never fit. */
export function selectPlatform<T extends { readonly platform?: Platform }>(
  entries: readonly T[],
  wanted: Platform,
): T | undefined {
  const known = entries.map((entry) => ({
    entry,
    name: entry.platform && formatPlatform(normalisePlatform(entry.platform)),
  }));
  for (const platform of compatiblePlatforms(wanted)) {
    const found = known.find(({ name }) => name === formatPlatform(platform));
    if (found !== undefined) return found.entry;
  }
  return undefined;
}
