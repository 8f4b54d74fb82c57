import { expandWord } from "#oci/dockerfile/expand.ts";
import type { Dockerfile } from "#oci/dockerfile/parse.ts";
import { formatPlatform, normalisePlatform, type Platform } from "#oci/platform.ts";
import type { BuildArgs } from "./variables.ts";

/** BUILDPLATFORM, TARGETARCH and their like. @see Dockerfile reference, "Automatic platform ARGs" */
export function platformArgs(target: Platform, host: Platform): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [prefix, platform] of [
    ["BUILD", normalisePlatform(host)],
    ["TARGET", normalisePlatform(target)],
  ] as const) {
    found.set(`${prefix}PLATFORM`, formatPlatform(platform));
    found.set(`${prefix}OS`, platform.os);
    found.set(`${prefix}ARCH`, platform.architecture);
    found.set(`${prefix}VARIANT`, platform.variant ?? "");
  }
  return found;
}

/**
 * The arguments before the first FROM, on top of those of the platform: what was given, or their defaults.
 *
 * @throws {Fault} `invalid` for defaults that cannot be expanded
 */
export function globalArgs(
  { globalArgs: declared, directives }: Dockerfile,
  platforms: ReadonlyMap<string, string>,
  given: BuildArgs,
): Map<string, string | undefined> {
  const values = new Map<string, string | undefined>(platforms);
  const lookup = (name: string) => values.get(name);
  for (const { name, value } of declared.flatMap(({ args }) => args)) {
    const expanded =
      value === undefined ? values.get(name) : expandWord(value, { lookup, escape: directives.escape });
    values.set(name, (Object.hasOwn(given, name) ? given[name] : undefined) ?? expanded);
  }
  return values;
}
