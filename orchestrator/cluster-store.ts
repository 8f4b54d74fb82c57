import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { ConfigMap } from "#api/kube/types/core.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { EncryptedStore, type EncryptionKey } from "#orchestrator/storage/encrypted-store.ts";
import { etcdConnector, parseEtcdServers } from "#orchestrator/storage/etcd-servers.ts";
import type { Store } from "#orchestrator/storage/store.ts";

/** An etcd v3 cluster that keeps the state, instead of a file of this machine. Paths are of PEM files. */
export interface EtcdOptions {
  /** URLs, with commas between them. */
  readonly servers: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface ClusterStoreDeps {
  /** Absolute. */
  readonly folder: string;
  readonly etcd?: EtcdOptions;
  readonly keys: readonly [EncryptionKey, ...EncryptionKey[]];
  readonly now: () => Date;
  readonly log: Log;
}

/** What the cluster is kept in, with its secrets encrypted. */
export async function openClusterStore(deps: ClusterStoreDeps): Promise<EncryptedStore> {
  const store = await openPlainStore(deps);
  return new EncryptedStore({ store, keys: deps.keys, prefixes: ["/registry/core/secrets/"] });
}

async function openPlainStore({ folder, etcd, now, log }: ClusterStoreDeps): Promise<Store> {
  if (etcd === undefined) {
    const { SqliteStore } = await import("#orchestrator/storage/sqlite-store.ts");
    return new SqliteStore({ file: join(folder, "state.db"), log, now: () => now().getTime() / 1000 });
  }
  const { EtcdStore } = await import("#orchestrator/storage/etcd-store.ts");
  return new EtcdStore({ connect: etcdConnector(serversOf(etcd)) });
}

function serversOf({ servers, caFile, certFile, keyFile }: EtcdOptions) {
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Fault("invalid", "--etcd-certfile and --etcd-keyfile must be specified together");
  return {
    urls: parseEtcdServers(servers),
    ...(caFile !== undefined && { ca: readPem("--etcd-cafile", caFile) }),
    ...(certFile !== undefined &&
      keyFile !== undefined && {
        credentials: { cert: readPem("--etcd-certfile", certFile), key: readPem("--etcd-keyfile", keyFile) },
      }),
  };
}

function readPem(flag: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Fault("invalid", `cannot read ${flag} ${file}`, { cause });
  }
}

/**
 * That a store which others have written to is of our cluster: what another authority has signed we could not know, nor could its
 * clients know us.
 *
 * @throws {Fault} `precondition`
 */
export function checkAuthority(objects: ObjectReader, authority: string): void {
  const told = objects.find<ConfigMap>("configmaps", "kube-system", "kube-root-ca.crt")?.data?.["ca.crt"];
  const certificates = (text: string): readonly string[] =>
    text.match(/-----BEGIN CERTIFICATE-----[^-]+/g) ?? [];
  const own = certificates(authority);
  if (told === undefined || certificates(told).some((one) => own.includes(one))) return;
  throw new Fault(
    "precondition",
    "the cluster in etcd has another authority: copy the folder cluster/pki of one of its servers to this one's --root first",
  );
}
