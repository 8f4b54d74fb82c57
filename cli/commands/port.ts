import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { naturally } from "../formats/text.ts";

export const port = defineCommand({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  about: "Shows where a container's ports are published.",
  flags: {},
  operands: [1, 2],
  complete: ["running-container", []],
  examples: [["gantry port web 80", "e.g. 0.0.0.0:8080"]],
  async run(context, _values, [ref = "", wanted]) {
    const { NetworkSettings } = await context.engine().inspectContainer(ref, context.signal);
    const ports = NetworkSettings.Ports ?? {};
    const lines: string[] = [];
    if (wanted !== undefined) {
      const [number = "", protocol = "tcp"] = wanted.split("/");
      if (!/^\d+$/.test(number) || Number(number) > 65535)
        throw new Fault(
          "invalid",
          `Error: invalid port (${number}): strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`,
        );
      const bindings = ports[`${number}/${protocol}`];
      if (bindings === undefined || bindings === null || bindings.length === 0)
        throw new Fault("not-found", `Error: No public port '${wanted}' published for ${ref}`);
      for (const binding of bindings) lines.push(addressOf(binding));
    } else
      for (const [key, bindings] of Object.entries(ports))
        for (const binding of bindings ?? []) lines.push(`${key} -> ${addressOf(binding)}`);
    if (lines.length > 0) context.out.write(`${lines.toSorted(naturally).join("\n")}\n`);
    return 0;
  },
});

function addressOf({ HostIp, HostPort }: { readonly HostIp: string; readonly HostPort: string }): string {
  return HostIp.includes(":") ? `[${HostIp}]:${HostPort}` : `${HostIp}:${HostPort}`;
}
