import type { Service } from "../model.ts";

/** Ports in `80/tcp` form that a service exposes or publishes. */
export function exposedPorts(service: Service): Readonly<Record<string, object>> {
  const found: Record<string, object> = {};
  for (const item of service.expose ?? []) {
    const [range = "", protocol = "tcp"] = item.split("/");
    const [first = "", last = first] = range.split("-");
    for (let port = Number(first); port <= Number(last); port++) found[`${port}/${protocol}`] = {};
  }
  for (const { target, protocol } of service.ports ?? []) found[`${target}/${protocol}`] = {};
  return found;
}

interface Binding {
  readonly HostIp: string;
  readonly HostPort: string;
}

export function portBindings(service: Service): Readonly<Record<string, readonly Binding[]>> {
  const found: Record<string, Binding[]> = {};
  for (const { target, protocol, host_ip: ip, published } of service.ports ?? []) {
    const bindings = (found[`${target}/${protocol}`] ??= []);
    bindings.push({ HostIp: ip ?? "", HostPort: published ?? "" });
  }
  return found;
}
