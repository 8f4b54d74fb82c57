import { Fault, isFault } from "#base/fault.ts";
import type { ImageRecord, ImageResolver } from "#engine/images/images.ts";
import { formatPlatform, normalisePlatform, type Platform } from "#oci/platform.ts";
import type { Query } from "./query.ts";

/** JSON of an OCI platform; undefined when it is empty. @throws {Fault} `invalid` */
export function platformIn(text: string): Platform | undefined {
  if (text === "") return undefined;
  try {
    const value = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    const { os, architecture, variant } = value ?? {};
    if (typeof os === "string" && typeof architecture === "string")
      return normalisePlatform({ os, architecture, ...(typeof variant === "string" && { variant }) });
  } catch (error) {
    if (isFault(error)) throw error;
  }
  throw new Fault("invalid", `failed to parse platform: ${text.slice(0, 200)}`);
}

/**
 * The image, of the platform that was asked for, if any.
 *
 * @throws {Fault} `not-found`, `invalid`
 * @see Docker Engine API v1.51, parameter `platform` of /images/{name}/json and history, `platforms` of DELETE
 */
export function imageAsked(
  images: ImageResolver,
  name: string,
  query: Query,
  parameter: "platform" | "platforms" = "platform",
): ImageRecord {
  const texts = query.all(parameter);
  if (texts.length > 1) throw new Fault("invalid", "multiple platforms are not supported");
  const platform = platformIn(texts[0] ?? "");
  const image = images.resolve(name);
  if (platform === undefined || isOf(image, platform)) return image;
  const [own, asked] = [platformOf(image), platform].map(formatPlatform);
  throw new Fault(
    "not-found",
    `image with reference ${name} was found but its platform (${own}) does not match the specified platform (${asked})`,
  );
}

/** @throws {Fault} `internal`, with Docker's text and status, when one of the images is of another platform */
export function checkExported(images: ImageResolver, names: readonly string[], query: Query): void {
  const platform = platformIn(query.text("platform"));
  if (platform === undefined) return;
  for (const name of names)
    if (!isOf(images.resolve(name), platform))
      throw new Fault("internal", `no suitable export target found for platform ${formatPlatform(platform)}`);
}

function isOf(image: ImageRecord, platform: Platform): boolean {
  return formatPlatform(platformOf(image)) === formatPlatform(platform);
}

function platformOf({ config: { os, architecture, variant } }: ImageRecord): Platform {
  return normalisePlatform({ os, architecture, ...(variant !== undefined && { variant }) });
}
