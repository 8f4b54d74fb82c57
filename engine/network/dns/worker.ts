import { parentPort, workerData } from "node:worker_threads";
import type { ListenAddress } from "#host/dns/dns-server.ts";
import { NamespaceGate } from "./namespace-gate.ts";
import { Resolver, type ResolverClient } from "./resolver.ts";

/** What the daemon's thread asks of the resolver's. Only `open` is answered. */
export type DnsRequest =
  | { readonly do: "open"; readonly serial: number; readonly client: ResolverClient }
  | { readonly do: "update"; readonly client: ResolverClient }
  | { readonly do: "close"; readonly containerId: string };

export interface DnsAnswer {
  readonly serial: number;
  readonly error?: string;
}

if (parentPort !== null) {
  const port = parentPort;
  const resolver = new Resolver(new NamespaceGate(), workerData as ListenAddress);
  port.on("message", (request: DnsRequest) => {
    switch (request.do) {
      case "open":
        resolver.open(request.client).then(
          () => port.postMessage({ serial: request.serial } satisfies DnsAnswer),
          (error: unknown) =>
            port.postMessage({ serial: request.serial, error: String(error) } satisfies DnsAnswer),
        );
        break;
      case "update":
        resolver.update(request.client);
        break;
      case "close":
        resolver.close(request.containerId);
        break;
      default:
        request satisfies never;
    }
  });
}
