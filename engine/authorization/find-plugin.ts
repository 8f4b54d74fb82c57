import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";

/** Where a plugin takes requests. */
export type PluginAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls?: PluginTls };

/** PEM files by their paths. */
export interface PluginTls {
  readonly verifies: boolean;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface PluginFolders {
  readonly sockets: string;
  /** The first one that has it wins. */
  readonly specs: readonly string[];
}

export const usualFolders: PluginFolders = {
  sockets: "/run/docker/plugins",
  specs: ["/etc/docker/plugins", "/usr/lib/docker/plugins"],
};

/**
 * Finds a plugin as dockerd does: `NAME.sock` or `NAME/NAME.sock` among the sockets, else `NAME.spec` with an address, else
 * `NAME.json`.
 *
 * @throws {Fault} `not-found` when there is none, `invalid` when what describes it makes no sense
 * @see Docker Engine, plugin API, "Plugin discovery"
 */
export async function findPlugin(name: string, folders: PluginFolders): Promise<PluginAddress> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw notFound(name);
  for (const path of [join(folders.sockets, `${name}.sock`), join(folders.sockets, name, `${name}.sock`)])
    if ((await stat(path).catch(() => undefined))?.isSocket() === true) return { kind: "unix", path };
  for (const folder of folders.specs) {
    const spec = await textOf(join(folder, `${name}.spec`));
    if (spec !== undefined) return parseAddress(name, spec.trim(), undefined);
    const json = await textOf(join(folder, `${name}.json`));
    if (json !== undefined) return parseDescription(name, json);
  }
  throw notFound(name);
}

function notFound(name: string): Fault {
  return new Fault("not-found", `plugin "${name}" not found`);
}

/** Undefined when there is no such file. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Fault("invalid", messageOf(error), { cause: error });
  }
}

function parseDescription(name: string, text: string): PluginAddress {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Fault("invalid", `plugin "${name}": ${messageOf(error)}`, { cause: error });
  }
  const address = memberOf(value, "Addr");
  if (typeof address !== "string") throw new Fault("invalid", `plugin "${name}" has no address`);
  return parseAddress(name, address, tlsOf(memberOf(value, "TLSConfig")));
}

function tlsOf(config: unknown): PluginTls | undefined {
  if (typeof config !== "object" || config === null) return undefined;
  const file = (member: string) => {
    const path = memberOf(config, member);
    return typeof path === "string" && path !== "" ? path : undefined;
  };
  const [ca, cert, key] = [file("CAFile"), file("CertFile"), file("KeyFile")];
  return {
    verifies: memberOf(config, "InsecureSkipVerify") !== true,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

function parseAddress(name: string, text: string, tls: PluginTls | undefined): PluginAddress {
  const [, scheme, rest = ""] = /^(unix|tcp|http|https):\/\/(.+)$/.exec(text) ?? [];
  if (scheme === "unix" && rest.startsWith("/")) return { kind: "unix", path: rest };
  const [, bracketed, plain = "", port] = /^(?:\[([^\]]+)\]|([^:/]+)):(\d{1,5})\/?$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  if (scheme === undefined || scheme === "unix" || port === undefined)
    throw new Fault(
      "invalid",
      `plugin "${name}" has the address '${text}', which is neither unix:// nor tcp://`,
    );
  const secure = scheme === "https" ? (tls ?? { verifies: true }) : tls;
  return { kind: "tcp", host, port: Number(port), ...(secure !== undefined && { tls: secure }) };
}

/** Go's decoder takes names in any case, and plugins rely on it. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const found = Object.keys(value).filter((key) => key.toLowerCase() === name.toLowerCase());
  return found.length === 0 ? undefined : (value as Readonly<Record<string, unknown>>)[found.at(-1) ?? ""];
}
