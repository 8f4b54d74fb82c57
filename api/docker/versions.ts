import { Fault } from "#base/fault.ts";

/**
 * Minor versions of Docker Engine API 1.x that Gantry speaks.
 *
 * All of 1.24–1.56 are accepted and answered in their own field sets. What is *advertised* (the `Api-Version` header, and the
 * version of requests without one) is 1.51: clients take the smaller of their own maximum and this, and 1.52 removes fields
 * (the legacy `NetworkSettings` addresses, the short event fields) that scripts and older libraries still read. Raising it is
 * this one number.
 */
export const apiVersions = { oldest: 24, advertised: 51, newest: 56 } as const;

export function formatVersion(minor: number): string {
  return `1.${minor}`;
}

/**
 * Parses the digits of a `/v1.NN` prefix and returns the minor version.
 *
 * @throws {Fault} `invalid` with the text that clients parse when it is older or newer than what is accepted
 */
export function parseVersion(text: string): number {
  const [major = 0, minor = 0] = text.split(".").map(Number);
  if (major > 1 || (major === 1 && minor > apiVersions.newest))
    throw new Fault(
      "invalid",
      `client version ${text} is too new. Maximum supported API version is ${formatVersion(apiVersions.newest)}`,
    );
  if (major < 1 || minor < apiVersions.oldest)
    throw new Fault(
      "invalid",
      `client version ${text} is too old. Minimum supported API version is ${formatVersion(apiVersions.oldest)}, please upgrade your client to a newer version`,
    );
  return minor;
}
