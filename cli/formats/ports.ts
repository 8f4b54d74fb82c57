import type { ContainerPort } from "#client/docker-types.ts";

interface Group {
  first: number;
  last: number;
}

/** A container's ports as `ps` shows them: neighbours in one range, published on the same number first. */
export function displayPorts(ports: readonly ContainerPort[]): string {
  const groups = new Map<string, Group>();
  const shown: string[] = [];
  const mapped: string[] = [];
  for (const { IP = "", PrivatePort, PublicPort = 0, Type } of [...ports].sort(compare)) {
    if (IP !== "" && PublicPort !== PrivatePort) {
      mapped.push(`${joinHost(IP, String(PublicPort))}->${PrivatePort}/${Type}`);
      continue;
    }
    const key = IP === "" ? Type : `${IP}/${Type}`;
    const group = groups.get(key);
    if (group !== undefined && PrivatePort === group.last + 1) {
      group.last = PrivatePort;
      continue;
    }
    if (group !== undefined) shown.push(formatGroup(key, group));
    if (group === undefined) groups.set(key, { first: PrivatePort, last: PrivatePort });
    else Object.assign(group, { first: PrivatePort, last: PrivatePort });
  }
  for (const [key, group] of groups) shown.push(formatGroup(key, group));
  return [...shown, ...mapped].join(", ");
}

function formatGroup(key: string, { first, last }: Group): string {
  const slash = key.indexOf("/");
  const range = first === last ? String(first) : `${first}-${last}`;
  if (slash < 0) return `${range}/${key}`;
  return `${joinHost(key.slice(0, slash), range)}->${range}/${key.slice(slash + 1)}`;
}

function joinHost(host: string, port: string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function compare(a: ContainerPort, b: ContainerPort): number {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  if (a.IP !== b.IP) return (a.IP ?? "") < (b.IP ?? "") ? -1 : 1;
  if (a.PublicPort !== b.PublicPort) return (a.PublicPort ?? 0) - (b.PublicPort ?? 0);
  return a.Type < b.Type ? -1 : a.Type > b.Type ? 1 : 0;
}
