import type { Descriptor } from "#oci/descriptor.ts";
import type { Platform } from "#oci/platform.ts";
import type { Credentials } from "#engine/registry/credentials.ts";
import type { FoundRepository } from "#engine/registry/search.ts";
import type { Progress } from "./images.ts";

export interface PullRequest {
  /** As the user typed it, with or without a tag or a digest. */
  readonly name: string;
  /** A tag or a digest; replaces what the name has. */
  readonly tag: string;
  /** Every tag of the repository. */
  readonly isAll: boolean;
  /** `linux/arm64`; empty for the host's. */
  readonly platform: string;
  readonly credentials: Credentials;
}

export interface PushRequest {
  readonly name: string;
  /** Empty for every tag of the repository that is here. */
  readonly tag: string;
  /** Undefined for whatever the image is. */
  readonly platform: Platform | undefined;
  readonly credentials: Credentials;
}

/** Images between this host and registries. */
export interface Distribution {
  /**
   * Gets an image, with what is here already of it, and makes it visible when it is whole, unpacked and verified. What a failure or
   * an abort has got stays for some hours, so that the next try goes on with it.
   *
   * @throws {Fault} before the first report when the registry does not have it; with Docker's texts
   */
  pull(request: PullRequest, report: (progress: Progress) => void, signal: AbortSignal): Promise<void>;
  /** @throws {Fault} with Docker's texts */
  push(request: PushRequest, report: (progress: Progress) => void, signal: AbortSignal): Promise<void>;
  /** What a name means at its registry now. @throws {Fault} with Docker's texts */
  inspect(
    name: string,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<{ readonly descriptor: Descriptor; readonly platforms: readonly Platform[] }>;
  /**
   * Asks the registry at an address, Docker Hub for an empty one, whether it lets these in.
   *
   * @throws {Fault} with Docker's texts
   */
  login(address: string, credentials: Credentials, signal: AbortSignal): Promise<void>;
  /**
   * Repositories that an index server knows: Docker Hub's, or the one that the term begins with, as in `HOST:PORT/TERM`.
   *
   * @param limit most results
   * @throws {Fault} with Docker's texts
   */
  search(
    term: string,
    limit: number,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<readonly FoundRepository[]>;
}

/** Opens what it stands for with the first use. */
export function lazyDistribution(open: () => Promise<Distribution>): Distribution {
  let opened: Promise<Distribution> | undefined;
  const get = () => (opened ??= open());
  return {
    pull: async (request, report, signal) => await (await get()).pull(request, report, signal),
    push: async (request, report, signal) => await (await get()).push(request, report, signal),
    inspect: async (name, credentials, signal) => await (await get()).inspect(name, credentials, signal),
    login: async (address, credentials, signal) => await (await get()).login(address, credentials, signal),
    search: async (term, limit, credentials, signal) =>
      await (await get()).search(term, limit, credentials, signal),
  };
}
