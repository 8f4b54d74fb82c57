import type { Built } from "#engine/build/built.ts";
import type { AttestRequest } from "./attest-attributes.ts";

/** What one of the platforms of a build came to. */
export interface PlatformImage {
  /** `linux/arm64` */
  readonly platform: string;
  readonly built: Built;
}

/** How a build came to be: what attestations tell of. Plain data. */
export interface BuildAccount {
  readonly ref: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly filename: string;
  readonly dockerfile: string;
  /** Names of what steps had from the client. */
  readonly secrets: readonly GivenName[];
  readonly agents: readonly GivenName[];
  /** Nanoseconds since 1970. */
  readonly startedAt: bigint;
  /** Of this engine. */
  readonly platform: string;
  /** Names of bases, where they were taken by their digest. */
  readonly namesOf: ReadonlyMap<string, string>;
  readonly attest: AttestRequest;
}

export interface GivenName {
  readonly id: string;
  readonly isOptional: boolean;
}

/** The result of a front end: as a whole that of its first platform, whose results and layers are those of all of them. */
export interface Solved extends Built {
  readonly images: readonly PlatformImage[];
  /** The client has asked for several platforms, even if they are the same. */
  readonly isMulti: boolean;
  readonly account: BuildAccount;
}

export function solvedOf(images: readonly PlatformImage[], isMulti: boolean, account: BuildAccount): Solved {
  const [first] = images;
  if (first === undefined) throw new TypeError("a build without a platform");
  return {
    ...first.built,
    results: images.flatMap(({ built }) => built.results),
    images,
    isMulti,
    account,
    [Symbol.asyncDispose]: async () => {
      for (const { built } of images) await built[Symbol.asyncDispose]();
    },
  };
}
