import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { http1Transport } from "#client/http1.ts";
import { HypercoreClient } from "#client/hypercore/hypercore-client.ts";
import { systemTimers } from "#host/system-timers.ts";
import type { Context } from "../context.ts";
import { type FlagTable, type FlagValues, text } from "../flags.ts";
import { findHypervisor } from "../instance/hypervisor-file.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { readSecret } from "../streams/read-secret.ts";
import { connectTcp } from "../transport/open-transport.ts";

/** Which hypervisor a command speaks to; every command of `gantry vm` has them. */
export const apiFlags = {
  api: text("URL", "Hypervisor to talk to (SC_HOST, default this machine's)"),
  "api-ca": text("FILE", "Certificate of the authority that signed its own", undefined, { complete: "file" }),
  "api-user": text("NAME", "Who asks it (SC_USERNAME, default admin); the password is SC_PASSWORD"),
} as const satisfies FlagTable;

export type ApiValues = FlagValues<typeof apiFlags>;

/** The instance's own, whatever the environment names. */
export const unsetApi: ApiValues = { api: "", "api-ca": undefined, "api-user": undefined };

/** How the API is reached. */
export interface HypercoreAccess {
  readonly url: URL;
  /** PEM of the authorities that are trusted. */
  readonly ca: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it is this machine's: its folder can be looked into, and its network be reached. */
  readonly isLocal: boolean;
}

export interface Hypercore extends HypercoreAccess {
  readonly client: HypercoreClient;
}

/**
 * A client of the hypervisor that flags and environment name, else of this instance's, as the user whose first password is in its
 * folder.
 *
 * @param asks whether a person may be asked for a password
 * @throws {Fault} `unavailable` when it does not run, `unauthorized` when there is no password, `invalid` for a URL that is none
 */
export async function openHypercore(
  context: Context,
  values: ApiValues,
  { asks }: { readonly asks: boolean } = { asks: true },
): Promise<Hypercore> {
  const access = await findAccess(context, values, asks);
  const { url, ca, headers } = access;
  const endpoint = {
    kind: "tcp",
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 443),
    tls: { ca, verify: true },
  } as const;
  const transport = http1Transport(
    async (signal) => {
      try {
        return await connectTcp(endpoint, signal);
      } catch (cause) {
        if (signal.aborted) throw cause;
        throw new Fault(
          "unavailable",
          `cannot connect to the hypervisor at ${url.origin}: ${messageOf(cause)}`,
          {
            cause,
          },
        );
      }
    },
    { headers },
  );
  return { ...access, client: new HypercoreClient(transport, systemTimers) };
}

async function findAccess(context: Context, values: ApiValues, asks: boolean): Promise<HypercoreAccess> {
  const { env, instance } = context;
  const named = values.api ?? env["SC_HOST"] ?? "";
  const isLocal = named === "";
  const url = isLocal ? ownUrl(context) : parseUrl(named);
  // Those of the environment are for the hypervisor that it names.
  const own = isLocal && (env["SC_HOST"] ?? "") !== "" ? {} : env;
  const user = values["api-user"] ?? own["SC_USERNAME"] ?? "admin";
  const password = own["SC_PASSWORD"] || (await findPassword(context, isLocal, asks));
  const basic = Buffer.from(`${user}:${password}`).toString("base64");
  return {
    url,
    ca: authorities(join(instance.root, "hypervisor/pki/ca.crt"), values["api-ca"], isLocal),
    headers: { Host: url.host, "User-Agent": "gantry", Authorization: `Basic ${basic}` },
    isLocal,
  };
}

function ownUrl({ instance }: Context): URL {
  const found = findHypervisor(instance.run);
  if (found === undefined)
    throw new Fault("unavailable", "the hypervisor is not running; start it with: gantry up --hypervisor");
  return new URL(found.url);
}

function parseUrl(given: string): URL {
  const whole = /^\w+:\/\//.test(given) ? given : `https://${given}`;
  if (!URL.canParse(whole) || !whole.startsWith("https://"))
    throw new Fault("invalid", `not an https URL: ${given}`);
  return new URL(whole);
}

/** The one that was named, else the instance's own; for a hypervisor elsewhere also those that the machine trusts. */
function authorities(own: string, given: string | undefined, isLocal: boolean): string {
  if (given !== undefined) return readFileSync(given, "utf8");
  const found = existsSync(own) ? [readFileSync(own, "utf8")] : [];
  const usual = isLocal ? [] : process.getBuiltinModule("node:tls").rootCertificates;
  return [...found, ...usual].join("\n");
}

/** The first password is for this machine's alone. */
async function findPassword({ err, instance }: Context, isLocal: boolean, asks: boolean): Promise<string> {
  const first = isLocal ? readFirstPassword(join(instance.root, "hypervisor/initial-password")) : undefined;
  if (first !== undefined) return first;
  if (asks && isTerminalDevice(0)) return await readSecret(err);
  throw new Fault("unauthorized", "there is no password for the hypervisor: set SC_PASSWORD");
}

function readFirstPassword(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES") return undefined;
    throw error;
  }
}
