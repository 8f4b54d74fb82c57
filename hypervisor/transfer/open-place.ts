import { Fault } from "#base/fault.ts";
import { checkFileName } from "./definition.ts";
import { httpPlace } from "./http-place.ts";
import { localPlace } from "./local-place.ts";
import type { Place } from "./place.ts";
import { smbPlace } from "./smb-place.ts";

export interface PlaceSettings {
  /** Where `file:` is; without it nothing local is read or written. */
  readonly exchangeFolder?: string;
  /** In the exchange folder: for what is not complete. */
  readonly stagingName: string;
}

const schemes = ["file:", "http:", "https:", "smb:"];

/**
 * The place that a client names: `smb://[DOMAIN;]USER:PASSWORD@SERVER/SHARE/FOLDER`, `http(s)://SERVER/FOLDER`, or
 * `file:///FOLDER`, which is below the folder that the administrator has set.
 *
 * @throws {Fault} `invalid` for what names none; `precondition` when local ones are not set up
 */
export function openPlace(uri: string, settings: PlaceSettings): Place {
  const url = parsePlace(uri);
  if (url.protocol === "smb:") return smbPlace(url);
  if (url.protocol !== "file:") return httpPlace(url);
  if (settings.exchangeFolder === undefined)
    throw new Fault("precondition", "No folder is set for exports: see gantry hypervisor --exchange");
  return localPlace(url, { folder: settings.exchangeFolder, stagingName: settings.stagingName });
}

/** The file of a machine's definition: what is asked for, or what the place itself is called. */
export function definitionFileOf(uri: string, asked: string): string {
  const folder =
    decodeURIComponent(parsePlace(uri).pathname)
      .split("/")
      .findLast((part) => part !== "") ?? "";
  const name = (asked === "" ? folder : asked).replace(/\.xml$/i, "");
  checkFileName(name);
  return `${name}.xml`;
}

function parsePlace(uri: string): URL {
  const url = URL.parse(uri.startsWith("smb:") ? withEncodedCredentials(uri) : uri);
  if (url === null || !schemes.includes(url.protocol))
    throw new Fault("invalid", "pathURI must be an smb:, http:, https: or file: URI");
  const parts = url.pathname.split("/").map((part) => decoded(part));
  if (parts.some((part) => part === ".." || part === "." || /[\p{Cc}\\/"]/u.test(part)))
    throw new Fault("invalid", "Invalid path in pathURI");
  return url;
}

/** Clients put names and passwords into the URI as they are: whatever stands before the last `@`. */
function withEncodedCredentials(uri: string): string {
  const [, user = "", password = "", server = ""] = /^smb:\/\/(?:([^:]*):?(.*)@)?([^@]*)$/s.exec(uri) ?? [];
  const encoded = [user, password].map((part) => encodeURIComponent(tryDecode(part)));
  return `smb://${encoded.join(":")}@${server}`;
}

function tryDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new Fault("invalid", "Invalid path in pathURI", { cause: error });
  }
}
