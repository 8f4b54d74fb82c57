import { Fault } from "#base/fault.ts";
import { planPorts } from "../../options/port-specs.ts";
import type { PublishedPort } from "../user-data/workload.ts";

/** `-p` as docker takes it; a port without one of the machine's has the same there. @throws {Fault} `invalid` */
export function publishedPorts(specs: readonly string[]): readonly PublishedPort[] {
  return Object.entries(planPorts(specs, []).bindings).flatMap(([key, bindings]) => {
    const [port = "", protocol = "tcp"] = key.split("/");
    return bindings.map(({ HostIp, HostPort }) => {
      const text = HostPort === "" || HostPort === undefined ? port : HostPort;
      if (!/^\d+$/.test(text)) throw new Fault("invalid", `publish one port of the machine, not ${text}`);
      return {
        address: HostIp ?? "",
        port: Number(text),
        containerPort: Number(port),
        protocol: protocol as PublishedPort["protocol"],
      };
    });
  });
}
