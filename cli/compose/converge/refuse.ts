import { Fault } from "#base/fault.ts";
import type { Project, Service } from "../model.ts";

/** @throws {Fault} `not-implemented` for what a file may say and nothing here can do, rather than leaving it out */
export function refuseUnsupported({ services }: Project): void {
  for (const [name, service] of services) {
    const what = unsupported(service);
    if (what !== undefined) throw new Fault("not-implemented", `service "${name}": ${what}`);
  }
}

function unsupported(service: Service): string | undefined {
  if (service.provider !== undefined)
    return `providers are not supported: "${service.provider.type}" would be a program of its own`;
  if (service.models !== undefined) return "models are not supported: there is nothing here that runs them";
  if (service.credential_spec !== undefined) return "credential_spec is not supported: it is of Windows";
  return undefined;
}
