import own from "../package.json" with { type: "json" };

/** This program's version. */
export const ownVersion: string = own.version;

export function versionLine(): string {
  return `Gantry version ${ownVersion}`;
}
