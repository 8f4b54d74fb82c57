import { Fault } from "#base/fault.ts";

/** `NAME:ADDRESS` or `NAME=ADDRESS`, as the API takes it. @throws {Fault} `invalid` with Docker's text */
export function checkHost(spec: string): string {
  const match = /^([^=:]+)[=:](.+)$/.exec(spec);
  if (match === null) throw new Fault("invalid", `bad format for add-host: ${JSON.stringify(spec)}`);
  const [, name, address = ""] = match;
  return `${name}:${address.replace(/^\[(.*)\]$/, "$1")}`;
}
