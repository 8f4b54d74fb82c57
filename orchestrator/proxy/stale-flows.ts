import type { UdpFlow } from "#host/udp-flows.ts";
import type { Frontend } from "./frontends.ts";

/**
 * The UDP flows that must not go on as they began: to targets that are gone, and to services that have their first target now and
 * whose clients may have been sending into the void.
 */
export function staleFlows(before: readonly Frontend[], now: readonly Frontend[]): readonly UdpFlow[] {
  const keyOf = ({ clusterIp, port, protocol }: Frontend) => `${clusterIp} ${port} ${protocol}`;
  const next = new Map(now.map((frontend) => [keyOf(frontend), frontend]));
  const last = new Map(before.map((frontend) => [keyOf(frontend), frontend]));
  const stale: UdpFlow[] = [];
  for (const frontend of before) {
    if (frontend.protocol !== "udp") continue;
    const left = new Set(next.get(keyOf(frontend))?.everywhere.map(({ address }) => address));
    for (const { address } of frontend.everywhere)
      if (!left.has(address)) stale.push(...flowsTo(frontend, address));
  }
  for (const frontend of now) {
    if (frontend.protocol !== "udp" || frontend.everywhere.length === 0) continue;
    if ((last.get(keyOf(frontend))?.everywhere.length ?? 0) > 0) continue;
    for (const address of [frontend.clusterIp, ...frontend.externals])
      stale.push({ address, port: frontend.port, answering: address });
  }
  return stale;
}

function flowsTo(frontend: Frontend, answering: string): readonly UdpFlow[] {
  const { clusterIp, externals, port, nodePort } = frontend;
  const own = [clusterIp, ...externals].map((address) => ({ address, port, answering }));
  return nodePort === 0 ? own : [...own, { address: "", port: nodePort, answering }];
}
