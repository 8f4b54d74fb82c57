import type { Service } from "../model.ts";
import type { Roster } from "./container.ts";

/**
 * The service with `service:x` replaced by the container of that service, which is what decides whether it must be made anew:
 * who shares a namespace with a container goes when that goes.
 */
export function resolveReferences(service: Service, roster: Roster): Service {
  const space = (mode: string | undefined) => {
    const [, other] = /^service:(.+)$/.exec(mode ?? "") ?? [];
    return other === undefined ? mode : `container:${roster.get(other)?.[0]?.id ?? other}`;
  };
  const volumes = (item: string) => {
    if (item.startsWith("container:")) return item.slice("container:".length);
    const [other = ""] = item.split(":");
    return roster.get(other)?.[0]?.id ?? other;
  };
  const resolved: Record<string, unknown> = { ...service };
  for (const name of ["network_mode", "ipc", "pid"] as const)
    if (service[name] !== undefined) resolved[name] = space(service[name]);
  if (service.volumes_from !== undefined) resolved["volumes_from"] = service.volumes_from.map(volumes);
  return resolved as unknown as Service;
}
