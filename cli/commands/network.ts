import { Fault, isFault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { describeFailure, Exit } from "../failure.ts";
import { bool, list, number, text } from "../flags.ts";
import { keyValues } from "../options/environment.ts";
import { planIpam } from "../options/ipam-specs.ts";

export const create = defineCommand({
  usage: "[OPTIONS] NETWORK",
  about: "Creates a network and prints its ID.",
  flags: {
    attachable: bool("Let containers attach by hand (swarm)"),
    "aux-address": list("map", "An address the driver must not give, NAME=ADDRESS", undefined, {
      shownDefault: "map[]",
    }),
    "config-from": text("string", "Network to copy the configuration from", undefined, {
      complete: "network",
    }),
    "config-only": bool("Keep a configuration only"),
    driver: text("string", "Driver", "d", {
      shownDefault: '"bridge"',
      complete: ["bridge", "macvlan", "ipvlan"],
    }),
    gateway: list("strings", "Gateway of a subnet"),
    ingress: bool("Make swarm's routing mesh"),
    internal: bool("Cut it off from outside"),
    "ip-range": list("strings", "Part of a subnet to give addresses from"),
    "ipam-driver": text("string", "Driver of addresses", undefined, { shownDefault: '"default"' }),
    "ipam-opt": list("map", "An option of that driver, KEY=VALUE", undefined, { shownDefault: "map[]" }),
    ipv4: bool("Give IPv4 addresses", undefined, { isOn: true }),
    ipv6: bool("Give IPv6 addresses"),
    label: list("list", "A label, KEY[=VALUE]"),
    opt: list("map", "An option of the driver, KEY=VALUE", "o", { shownDefault: "map[]" }),
    scope: text("string", "Scope"),
    subnet: list("strings", "A subnet, e.g. 10.9.0.0/24"),
  },
  operands: [1, 1],
  examples: [
    ["gantry network create app", "containers on it know each other by name"],
    ["gantry network create --subnet 10.9.0.0/24 --internal back", "with addresses of your choice, cut off"],
  ],
  async run(context, values, [name = ""], given) {
    const ipam = planIpam(values);
    const { Id, Warning } = await context.engine().createNetwork(
      {
        Name: name,
        Driver: values.driver ?? "bridge",
        Scope: values.scope ?? "",
        ...(given.has("ipv4") ? { EnableIPv4: values.ipv4 } : {}),
        ...(given.has("ipv6") ? { EnableIPv6: values.ipv6 } : {}),
        IPAM: {
          Driver: values["ipam-driver"] ?? "default",
          Options: keyValues(values["ipam-opt"]),
          Config: ipam,
        },
        Internal: values.internal,
        Ingress: values.ingress,
        Attachable: values.attachable,
        ConfigOnly: values["config-only"],
        ConfigFrom: values["config-from"] === undefined ? null : { Network: values["config-from"] },
        Options: keyValues(values.opt),
        Labels: keyValues(values.label),
      },
      context.signal,
    );
    if (Warning) context.err.write(`WARNING: ${Warning}\n`);
    context.out.write(`${Id}\n`);
    return 0;
  },
});

export const connect = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  about: "Connects a container to one more network.",
  flags: {
    alias: list("strings", "One more name on the network"),
    "driver-opt": list("strings", "An option of the driver, KEY=VALUE"),
    "gw-priority": number("int", "The highest one's gateway is the default route"),
    ip: text("string", "IPv4 address"),
    ip6: text("string", "IPv6 address"),
    link: list("list", "A container to know by name, NAME[:ALIAS]", undefined, { complete: "container" }),
    "link-local-ip": list("strings", "A link-local address"),
  },
  operands: [2, 2],
  complete: ["network", "container"],
  examples: [["gantry network connect --alias db app web", "while it runs, too"]],
  async run(context, values, [network = "", container = ""]) {
    for (const option of values["driver-opt"])
      if (!option.includes("="))
        throw new Fault("invalid", `invalid key/value pair format in driver options`);
    const hasAddress =
      values.ip !== undefined || values.ip6 !== undefined || values["link-local-ip"].length > 0;
    await context.engine().connectNetwork(
      network,
      container,
      {
        ...(hasAddress
          ? {
              IPAMConfig: {
                ...(values.ip === undefined ? {} : { IPv4Address: values.ip }),
                ...(values.ip6 === undefined ? {} : { IPv6Address: values.ip6 }),
                LinkLocalIPs: values["link-local-ip"],
              },
            }
          : {}),
        Links: values.link,
        Aliases: values.alias,
        DriverOpts: keyValues(values["driver-opt"]),
        ...(values["gw-priority"] === undefined ? {} : { GwPriority: values["gw-priority"] }),
      },
      context.signal,
    );
    return 0;
  },
});

export const disconnect = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  about: "Takes a container off a network.",
  flags: { force: bool("Even when the container cannot be asked", "f") },
  operands: [2, 2],
  complete: ["network", "container"],
  examples: [["gantry network disconnect app web", "while it runs, too"]],
  async run(context, { force }, [network = "", container = ""]) {
    await context.engine().disconnectNetwork(network, container, force, context.signal);
    return 0;
  },
});

export const rm = defineCommand({
  usage: "NETWORK [NETWORK...]",
  about: "Removes networks that no container uses.",
  flags: { force: bool("Do not mind what is not there", "f") },
  operands: [1, Infinity],
  complete: ["network"],
  examples: [["gantry network rm app", "one without containers"]],
  async run(context, { force }, names) {
    let hasFailed = false;
    for (const name of names) {
      try {
        await context.engine().removeNetwork(name, context.signal);
        context.out.write(`${name}\n`);
      } catch (error) {
        context.signal.throwIfAborted();
        if (force && isFault(error, "not-found")) continue;
        context.err.write(`${describeFailure(error)}\n`);
        hasFailed = true;
      }
    }
    // The words are docker's, too.
    if (hasFailed) throw new Exit(1, "exit status 1");
    return 0;
  },
});
