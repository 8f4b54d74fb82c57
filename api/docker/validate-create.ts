import { Fault } from "#base/fault.ts";
import type { ContainerConfig, EndpointSettings, HealthConfig, HostConfig } from "./container.ts";
import { parseHostPort, parsePort } from "./ports.ts";

const MIN_HEALTH_NS = 1_000_000;
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/**
 * Checks a container's name, without its slash; a refusal calls it as `shown`.
 *
 * @throws {Fault} `invalid` with Docker's text
 */
export function checkContainerName(name: string, shown = name): void {
  if (!namePattern.test(name))
    throw new Fault(
      "invalid",
      `Invalid container name (${shown}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
}

/**
 * What can be told from the request alone; limits, modes and devices are checked against the host by engine/runtime.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function validateConfig(config: ContainerConfig): void {
  for (const variable of config.Env)
    if (variable === "" || variable.startsWith("=") || variable.includes("\0"))
      throw new Fault("invalid", `invalid environment variable: ${variable}`);
  for (const port of Object.keys(config.ExposedPorts ?? {})) parsePort(port);
  if (config.StopSignal !== undefined && !isSignal(config.StopSignal))
    throw new Fault("invalid", `invalid signal: ${config.StopSignal}`);
  for (const text of [...(config.Cmd ?? []), ...(config.Entrypoint ?? []), config.User, config.Hostname])
    if (text.includes("\0")) throw new Fault("invalid", "invalid argument: contains a NUL byte");
  if (config.Healthcheck !== undefined) validateHealth(config.Healthcheck);
}

function validateHealth(health: HealthConfig): void {
  for (const field of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const value = health[field] ?? 0;
    if (value !== 0 && value < MIN_HEALTH_NS)
      throw new Fault("invalid", `${field} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw new Fault("invalid", "Retries in Healthcheck cannot be negative");
}

/** Names with or without SIG, real-time ones, or numbers from 1 to 64. */
export function isSignal(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 64;
  return /^(SIG)?(HUP|INT|QUIT|ILL|TRAP|ABRT|IOT|BUS|FPE|KILL|USR[12]|SEGV|PIPE|ALRM|TERM|STKFLT|CHLD|CLD|CONT|STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|POLL|PWR|SYS|RTM(IN(\+([1-9]|1[0-5]))?|AX(-([1-9]|1[0-4]))?))$/i.test(
    text,
  );
}

/** As {@link validateConfig}. @throws {Fault} `invalid` with Docker's texts */
export function validateHostConfig(host: HostConfig): void {
  validatePorts(host);
  validateRestart(host);
  validateModes(host);
  for (const entry of host.ExtraHosts ?? []) validateExtraHost(entry);
  for (const device of host.Devices ?? [])
    if (!/^[rwm]{1,3}$/.test(device.CgroupPermissions))
      throw new Fault("invalid", `invalid device mode: ${device.CgroupPermissions}`);
  for (const address of host.Dns ?? [])
    if (!isAddress(address)) throw new Fault("invalid", `invalid DNS address: ${address}`);
}

function validatePorts(host: HostConfig): void {
  for (const [port, bindings] of Object.entries(host.PortBindings ?? {})) {
    const { range } = parsePort(port);
    for (const binding of bindings ?? []) {
      const hostRange = parseHostPort(binding.HostPort);
      if (range.first !== range.last && hostRange.last - hostRange.first !== range.last - range.first)
        throw new Fault("invalid", `invalid ranges specified for container and host Ports: ${port}`);
      if (binding.HostIp !== "" && !isAddress(binding.HostIp))
        throw new Fault("invalid", `invalid IP address: ${binding.HostIp}`);
    }
  }
}

/** @throws {Fault} `invalid` with Docker's texts */
export function validateRestart({
  RestartPolicy: policy,
  AutoRemove,
}: Pick<HostConfig, "RestartPolicy" | "AutoRemove">): void {
  const { Name: name, MaximumRetryCount: count } = policy;
  if (!["", "no", "always", "unless-stopped", "on-failure"].includes(name))
    throw new Fault(
      "invalid",
      `invalid restart policy: unknown policy '${name as string}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  if (name !== "on-failure" && count !== 0)
    throw new Fault(
      "invalid",
      `invalid restart policy: maximum retry count can only be used with 'on-failure'`,
    );
  if (count < 0) throw new Fault("invalid", "invalid restart policy: maximum retry count cannot be negative");
  if (AutoRemove && name !== "" && name !== "no")
    throw new Fault("invalid", "can't create 'AutoRemove' container with restart policy");
}

/** `auto` is Podman's word for a user namespace of the container's own. */
const usernsModes: ReadonlySet<string> = new Set(["", "host", "auto", "private"]);

function validateModes(host: HostConfig): void {
  const { UsernsMode, NetworkMode, Isolation, StorageOpt } = host;
  const invalid = (text: string) => new Fault("invalid", text);
  if (!usernsModes.has(UsernsMode)) throw invalid(`invalid user namespace mode: ${UsernsMode}`);
  if (NetworkMode === "container:")
    throw invalid("invalid network mode: invalid container format container:<name|id>");
  if (Isolation !== "" && Isolation !== "default")
    throw invalid(`invalid isolation (${Isolation}): linux only supports 'default'`);
  const unknown = Object.keys(StorageOpt ?? {}).find((option) => option !== "size");
  if (unknown !== undefined) throw invalid(`Unknown option ${unknown}`);
  if (StorageOpt !== undefined && "size" in StorageOpt)
    throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
}

function validateExtraHost(entry: string): void {
  const separator = entry.search(/[:=]/);
  const name = separator < 0 ? "" : entry.slice(0, separator);
  const address = entry.slice(separator + 1).replace(/^\[(.*)\]$/, "$1");
  if (name === "" || /[\s\0]/.test(name)) throw new Fault("invalid", `bad format for add-host: "${entry}"`);
  if (address !== "host-gateway" && !isAddress(address))
    throw new Fault("invalid", `invalid IP address in add-host: "${address}"`);
}

/** @throws {Fault} `invalid` with Docker's texts */
export function validateEndpoint(name: string, settings: Partial<EndpointSettings>): void {
  const problems: string[] = [];
  const { IPv4Address: v4 = "", IPv6Address: v6 = "" } = settings.IPAMConfig ?? {};
  if (v4 !== "" && (!isAddress(v4) || v4.includes(":"))) problems.push(`invalid IPv4 address: ${v4}`);
  if (v6 !== "" && (!isAddress(v6) || !v6.includes(":"))) problems.push(`invalid IPv6 address: ${v6}`);
  if (settings.MacAddress !== undefined && settings.MacAddress !== "" && !isMac(settings.MacAddress))
    problems.push(`invalid MAC address: ${settings.MacAddress}`);
  if (problems.length > 0)
    throw new Fault(
      "invalid",
      `invalid config for network ${name}: invalid endpoint settings:\n${problems.join("\n")}`,
    );
}

export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text);
}

/** An IPv4 or IPv6 address without prefix or zone. */
export function isAddress(text: string): boolean {
  if (/^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(text)) return true;
  if (!text.includes(":") || !/^[0-9a-f:.]{2,45}$/i.test(text)) return false;
  return URL.canParse(`http://[${text}]/`);
}
