import { randomUUID } from "node:crypto";
import type { RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";

/** The one cluster that there is, of the one node that this host is. Made on the first start. */
export interface ClusterRecord extends StoredRecord {
  readonly clusterName: string;
  readonly filesystemID: string;
  readonly nodeUUID: string;
}

const kind = "cluster";

/** @param hostname what a new cluster is called */
export async function ensureCluster(records: RecordStore, hostname: string): Promise<void> {
  await records.change((changes) => {
    if (records.list(kind).length > 0) return;
    const clusterName = isClusterName(hostname) ? hostname : "gantry";
    const record = { uuid: randomUUID(), clusterName, filesystemID: randomUUID(), nodeUUID: randomUUID() };
    changes.put(kind, record as ClusterRecord);
  });
}

export function getCluster(records: RecordStore): ClusterRecord {
  const [cluster] = records.list<ClusterRecord>(kind);
  if (cluster === undefined) throw new Error("there is no cluster record");
  return cluster;
}

/** A host name, and with underscores, which clients use. @see RFC 1123, section 2.1 */
export function isClusterName(name: string): boolean {
  return name.length <= 63 && /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/i.test(name);
}
