import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import type { RegistryServerSettings } from "#base/registry-server-settings.ts";
import type { Context } from "../context.ts";
import { bool, type FlagTable, type FlagValues, text } from "../flags.ts";

const usualAddress = "127.0.0.1:5000";

/** Flags of `gantry registry`, which `gantry up` has with `registry-` before them. */
export const registryServerFlags = {
  listen: text("ADDRESS", `HOST:PORT, :PORT for every address of this machine (default ${usualAddress})`),
  htpasswd: text(
    "FILE",
    "Who may pull and push, as 'htpasswd -B' writes it; read again when it changes",
    undefined,
    {
      complete: "file",
    },
  ),
  anonymous: text(
    "RIGHT",
    "What others may do: nothing, read or write (write without --htpasswd on loopback)",
    undefined,
    {
      complete: ["nothing", "read", "write"],
    },
  ),
  tlscert: text("FILE", "The registry's certificate", undefined, { complete: "file" }),
  tlskey: text("FILE", "The registry's key", undefined, { complete: "file" }),
  tlscacert: text("FILE", "Only clients with a certificate that this one has signed", undefined, {
    complete: "file",
  }),
  insecure: bool("Allow plain HTTP on addresses that other machines reach"),
};

/** The same flags of whatever starts an engine. */
export const engineRegistryFlags = {
  registry: text("ADDRESS", `Serve a registry over the engine's own content (${usualAddress})`, undefined, {
    bare: usualAddress,
  }),
  "registry-htpasswd": registryServerFlags.htpasswd,
  "registry-anonymous": registryServerFlags.anonymous,
  "registry-tlscert": registryServerFlags.tlscert,
  "registry-tlskey": registryServerFlags.tlskey,
  "registry-tlscacert": registryServerFlags.tlscacert,
  "registry-insecure": registryServerFlags.insecure,
} satisfies FlagTable;

type Values = FlagValues<typeof registryServerFlags>;
type EngineValues = FlagValues<typeof engineRegistryFlags>;

/**
 * What the flags come to: on loopback plain HTTP for everybody who is on this machine; elsewhere only over TLS and for those who
 * show who they are, unless something else was asked for.
 *
 * @throws {Fault} `invalid`
 */
export function planRegistryServer(values: Values): RegistryServerSettings {
  const listen = parseAddress(values.listen ?? usualAddress);
  const { tlscert, tlskey, tlscacert, htpasswd } = values;
  if ((tlscert === undefined) !== (tlskey === undefined))
    throw new Fault("invalid", "a certificate and its key belong together: give --tlscert and --tlskey");
  if (tlscacert !== undefined && tlscert === undefined)
    throw new Fault(
      "invalid",
      "--tlscacert says which clients are let in over TLS: give --tlscert and --tlskey, too",
    );
  const shown = values.listen ?? usualAddress;
  if (!isLoopback(listen.host) && tlscert === undefined && !values.insecure)
    throw new Fault(
      "invalid",
      `${shown} can be reached by other machines, and passwords and images would go there in the clear: give --tlscert and --tlskey, or --insecure if that is what you want`,
    );
  return {
    listen,
    anonymous: planAnonymous(values, shown, isLoopback(listen.host)),
    ...(tlscert !== undefined &&
      tlskey !== undefined && {
        tls: {
          certificate: resolve(tlscert),
          key: resolve(tlskey),
          ...(tlscacert !== undefined && { clientAuthorities: resolve(tlscacert) }),
        },
      }),
    ...(htpasswd !== undefined && { passwords: resolve(htpasswd) }),
  };
}

function planAnonymous(values: Values, shown: string, isLocal: boolean): RegistryServerSettings["anonymous"] {
  const { anonymous, htpasswd, tlscacert } = values;
  if (anonymous !== undefined && anonymous !== "nothing" && anonymous !== "read" && anonymous !== "write")
    throw new Fault("invalid", `--anonymous is nothing, read or write, not ${anonymous}`);
  if (htpasswd !== undefined) {
    if (anonymous === "write")
      throw new Fault(
        "invalid",
        "--htpasswd means nothing when --anonymous write lets everybody do everything",
      );
    return anonymous ?? "nothing";
  }
  if (anonymous === "nothing")
    throw new Fault("invalid", "--anonymous nothing without --htpasswd lets nobody in: give it, too");
  if (anonymous === undefined && !isLocal && tlscacert === undefined)
    throw new Fault(
      "invalid",
      `everybody who can reach ${shown} could push to it: give --htpasswd or --tlscacert, or --anonymous write if that is what you want`,
    );
  return anonymous ?? "write";
}

/** The context of an engine that serves a registry, if it was told to. */
export function withRegistryServer(context: Context, values: EngineValues): Context {
  const plain = plainValues(values);
  if (plain.listen === undefined) {
    const [flag] = Object.keys(engineRegistryFlags)
      .filter((name) => values[name as keyof EngineValues] !== undefined)
      .filter((name) => values[name as keyof EngineValues] !== false);
    if (flag !== undefined) throw new Fault("invalid", `--${flag} means nothing without --registry`);
    return context;
  }
  const registryServer = planRegistryServer(plain);
  return { ...context, instance: { ...context.instance, registryServer } };
}

/** The flags again, as words for another start of the program, which has another working folder. */
export function registryServerWords({ registryServer: settings }: Context["instance"]): readonly string[] {
  if (settings === undefined) return [];
  const { listen, tls, passwords, anonymous } = settings;
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  return [
    `--registry=${host}:${listen.port}`,
    ...(tls === undefined ? ["--registry-insecure"] : []),
    ...(tls === undefined ? [] : [`--registry-tlscert=${tls.certificate}`, `--registry-tlskey=${tls.key}`]),
    ...(tls?.clientAuthorities === undefined ? [] : [`--registry-tlscacert=${tls.clientAuthorities}`]),
    ...(passwords === undefined ? [] : [`--registry-htpasswd=${passwords}`]),
    `--registry-anonymous=${anonymous}`,
  ];
}

/** Whether somebody takes connections there. */
export async function isListening(host: string, port: number): Promise<boolean> {
  const { connect } = await import("node:net");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = connect(port, host);
  probe.once("connect", () => resolve(true));
  probe.once("error", () => resolve(false));
  const isThere = await promise;
  probe.destroy();
  return isThere;
}

function plainValues(values: EngineValues): Values {
  return {
    listen: values.registry,
    htpasswd: values["registry-htpasswd"],
    anonymous: values["registry-anonymous"],
    tlscert: values["registry-tlscert"],
    tlskey: values["registry-tlskey"],
    tlscacert: values["registry-tlscacert"],
    insecure: values["registry-insecure"],
  };
}

function parseAddress(given: string): RegistryServerSettings["listen"] {
  const [, bracketed, name = "", port] =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/[\]\s]*)):(\d{1,5})$/.exec(given) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new Fault("invalid", `${given} is not an address to listen on: HOST:PORT or :PORT`);
  return { host: bracketed ?? name, port: Number(port) };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
