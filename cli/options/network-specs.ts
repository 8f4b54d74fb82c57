import type { EndpointSettings } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import type { ContainerValues } from "./container-body.ts";
import { keyValues } from "./environment.ts";

interface NetworkPlan {
  readonly mode: string;
  readonly endpoints: Readonly<Record<string, Partial<EndpointSettings>>>;
}

interface Draft {
  target: string;
  aliases: string[];
  options: Record<string, string>;
  linkLocal: string[];
  ip?: string;
  ip6?: string;
  mac?: string;
  priority?: number;
}

/** `--network` and what goes with it: the first network is the mode. @throws {Fault} `invalid` with Docker's texts */
export function planNetworks(values: ContainerValues): NetworkPlan {
  const specs = [...values.network, ...values.net].map(parseNetwork);
  const mode = specs[0]?.target ?? "default";
  const aliases = [...values["network-alias"], ...values["net-alias"]];
  const first: Draft = specs[0] ?? { target: "default", aliases: [], options: {}, linkLocal: [] };
  applyFlags(first, aliases, values);
  const endpoints: Record<string, Partial<EndpointSettings>> = {};
  for (const spec of specs.length === 0 ? [first] : specs) {
    if (endpoints[spec.target] !== undefined)
      throw new Fault("invalid", `network ${JSON.stringify(spec.target)} is specified multiple times`);
    const isUserDefined = !/^(default|bridge|host|none|container:.*)$/.test(spec.target);
    if (spec.aliases.length > 0 && !isUserDefined && spec.target !== "default" && spec.target !== "bridge")
      throw new Fault(
        "invalid",
        "conflicting options: network-scoped aliases are only supported for user-defined networks",
      );
    const endpoint = endpointOf(spec, isUserDefined ? values.link : []);
    if (specs.length > 0 && (isUserDefined || specs.length > 1)) endpoints[spec.target] = endpoint;
    else if (Object.keys(endpoint).length > 0) endpoints[spec.target] = endpoint;
  }
  return { mode, endpoints };
}

function applyFlags(first: Draft, aliases: readonly string[], values: ContainerValues): void {
  if (aliases.length > 0) first.aliases = [...first.aliases, ...aliases];
  if (values.ip !== undefined) first.ip = values.ip;
  if (values.ip6 !== undefined) first.ip6 = values.ip6;
  if (values["mac-address"] !== undefined) first.mac = values["mac-address"];
  first.linkLocal = [...first.linkLocal, ...values["link-local-ip"]];
}

function endpointOf(spec: Draft, links: readonly string[]): Partial<EndpointSettings> {
  const hasAddress = spec.ip !== undefined || spec.ip6 !== undefined || spec.linkLocal.length > 0;
  return {
    ...(spec.aliases.length === 0 ? {} : { Aliases: spec.aliases }),
    ...(links.length === 0 ? {} : { Links: links }),
    ...(Object.keys(spec.options).length === 0 ? {} : { DriverOpts: spec.options }),
    ...(spec.mac === undefined ? {} : { MacAddress: spec.mac }),
    ...(spec.priority === undefined ? {} : { GwPriority: spec.priority }),
    ...(hasAddress
      ? {
          IPAMConfig: {
            ...(spec.ip === undefined ? {} : { IPv4Address: spec.ip }),
            ...(spec.ip6 === undefined ? {} : { IPv6Address: spec.ip6 }),
            ...(spec.linkLocal.length === 0 ? {} : { LinkLocalIPs: spec.linkLocal }),
          },
        }
      : {}),
  } as Partial<EndpointSettings>;
}

function parseNetwork(spec: string): Draft {
  const draft: Draft = { target: "", aliases: [], options: {}, linkLocal: [] };
  if (!spec.includes("=")) return { ...draft, target: spec };
  for (const field of spec.split(",")) {
    const equals = field.indexOf("=");
    if (equals < 0)
      throw new Fault("invalid", `invalid argument "${spec}" for "--network" flag: invalid field ${field}`);
    const [key, value] = [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()];
    if (key === "name") draft.target = value;
    else if (key === "alias") draft.aliases.push(value.toLowerCase());
    else if (key === "ip") draft.ip = value;
    else if (key === "ip6") draft.ip6 = value;
    else if (key === "mac-address") draft.mac = value;
    else if (key === "link-local-ip") draft.linkLocal.push(value);
    else if (key === "driver-opt") Object.assign(draft.options, keyValues([value]));
    else if (key === "gw-priority") draft.priority = Number(value);
    else
      throw new Fault("invalid", `invalid argument "${spec}" for "--network" flag: invalid field key ${key}`);
  }
  if (draft.target === "")
    throw new Fault(
      "invalid",
      `invalid argument "${spec}" for "--network" flag: network name/id is not specified`,
    );
  return draft;
}
