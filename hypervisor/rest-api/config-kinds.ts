import { isIP } from "node:net";
import type { Json } from "#api/hypercore/decode.ts";
import { Fault } from "#base/fault.ts";

/** A kind of setting: kept as it is written, but for what is told here. */
export interface ConfigKind {
  /** The type, which is its path, too. */
  readonly type: string;
  /** The uuid of the only one there is. */
  readonly singleton?: string;
  /** What a new one has where the client says nothing. */
  readonly defaults?: Json;
  /** Made on the first start. */
  readonly isPresent?: boolean;
  readonly canDelete: boolean;
  /** Changes are done when they are answered: without a task. */
  readonly isInstant?: boolean;
  /** Kept and never told. */
  readonly hidden?: readonly string[];
  /** What is told beside what is kept. */
  readonly computed?: Json;
  /** @throws {Fault} `invalid` */
  check?(record: Json): void;
}

const alertDefaults = { alertTagUUID: "0", resendDelay: 86_400, silentPeriod: 900 };
/** Kept by the real product for its support; here they are the same for everybody. */
const registrationData = { clusterID: "", clusterData: "", clusterDataHash: "", clusterDataHashAccepted: "" };

export const configKinds: readonly ConfigKind[] = [
  {
    type: "DNSConfig",
    singleton: "dnsconfig_guid",
    isPresent: true,
    canDelete: true,
    check: ({ serverIPs, searchDomains }) => {
      for (const ip of serverIPs as readonly string[])
        if (isIP(ip) === 0) throw new Fault("invalid", `Invalid DNS server address '${ip}'`);
      for (const domain of searchDomains as readonly string[])
        if (!/^[a-z0-9_]([a-z0-9-._]*[a-z0-9_])?\.?$/i.test(domain))
          throw new Fault("invalid", `Invalid search domain '${domain}'`);
    },
  },
  {
    type: "TimeSource",
    singleton: "timesource_guid",
    isPresent: true,
    canDelete: true,
    defaults: { host: "pool.ntp.org" },
    check: ({ host }) => checkHost(host),
  },
  {
    type: "TimeZone",
    singleton: "timezone_guid",
    isPresent: true,
    canDelete: true,
    defaults: { timeZone: "Etc/UTC" },
    check: ({ timeZone }) => {
      if (!isTimeZone(String(timeZone)))
        throw new Fault("invalid", `Invalid time zone '${String(timeZone)}'`);
    },
  },
  {
    type: "Registration",
    singleton: "registration_guid",
    isPresent: true,
    canDelete: true,
    computed: registrationData,
  },
  {
    type: "AlertSMTPConfig",
    singleton: "smtpconfig_guid",
    isPresent: true,
    canDelete: true,
    defaults: { port: 25 },
    hidden: ["authPassword"],
    check: ({ port }) => checkPort(port),
  },
  {
    type: "OIDCConfig",
    singleton: "oidcconfig_uuid",
    canDelete: false,
    hidden: ["sharedSecret"],
    check: ({ configurationURL }) => {
      if (!URL.canParse(String(configurationURL)))
        throw new Fault("invalid", `Invalid configurationURL '${String(configurationURL)}'`);
    },
  },
  {
    type: "AlertEmailTarget",
    canDelete: true,
    isInstant: true,
    defaults: alertDefaults,
    check: ({ emailAddress }) => {
      if (!/^[^@\s]+@[^@\s]+$/.test(String(emailAddress)))
        throw new Fault("invalid", `Invalid e-mail address '${String(emailAddress)}'`);
    },
  },
  {
    type: "AlertSyslogTarget",
    canDelete: true,
    isInstant: true,
    defaults: { ...alertDefaults, port: 514, protocol: "SYSLOG_PROTOCOL_UDP" },
    check: ({ host, port }) => {
      checkHost(host);
      checkPort(port);
    },
  },
  { type: "MonitoringConfig", canDelete: true },
  { type: "NucleusKey", canDelete: true, isInstant: true },
];

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function checkHost(host: unknown): void {
  if (!/^[A-Za-z0-9_]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$/.test(String(host)))
    throw new Fault("invalid", `Invalid host '${String(host)}'`);
}

function checkPort(port: unknown): void {
  if (typeof port !== "number" || port < 1 || port > 65_535)
    throw new Fault("invalid", `Invalid port ${String(port)}`);
}
