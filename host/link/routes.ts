export interface Route {
  readonly device: string;
  /** Unsigned 32-bit numbers. */
  readonly destination: number;
  readonly mask: number;
}

/** The IPv4 routes in the text of `/proc/net/route`, the default route left out. @see proc(5) */
export function parseRoutes(text: string): readonly Route[] {
  const routes: Route[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [device, destination, , , , , , mask] = line.split("\t");
    if (device === undefined || destination === undefined || mask === undefined) continue;
    const route = { device, destination: hostOrder(destination), mask: hostOrder(mask) };
    if (route.mask !== 0) routes.push(route);
  }
  return routes;
}

/** The file shows addresses as numbers of this machine: on the little-endian ones that Gantry runs on, bytes reversed. */
function hostOrder(hex: string): number {
  const value = Number.parseInt(hex, 16) >>> 0;
  return (
    ((value & 0xff) * 0x1000000 +
      ((value >>> 8) & 0xff) * 0x10000 +
      ((value >>> 16) & 0xff) * 0x100 +
      (value >>> 24)) >>>
    0
  );
}
