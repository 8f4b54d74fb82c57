import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { failure } from "#api/kube/status.ts";
import { jsonLog, type LogLevel } from "#base/log.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { ApiServer, type ServerTls } from "#orchestrator/apiserver/http/server.ts";
import { type AccessControl, openApi } from "#orchestrator/apiserver/open-api.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { ensureAdminKubeconfig } from "#orchestrator/pki/kubeconfig.ts";
import type { Pki } from "#orchestrator/pki/pki.ts";
import { PkiKeeper } from "#orchestrator/pki/pki-keeper.ts";
import { SqliteStore } from "#orchestrator/storage/sqlite-store.ts";

export interface ServerOptions {
  /** Absolute; what must survive a reboot is in its folder `cluster`. */
  readonly root: string;
  /** Absolute; what must not. */
  readonly run: string;
  readonly logLevel: LogLevel;
  /** Where the API is; an empty host is every address, port 0 any that is free. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Whether this machine is a node of the cluster. */
  readonly hasAgent: boolean;
}

export interface ClusterServer extends AsyncDisposable {
  readonly port: number;
}

/** Opens the cluster's server: its API over the store, then what works with it. Disposing of it leaves pods running. */
export async function openServer(options: ServerOptions): Promise<ClusterServer> {
  await using undo = new AsyncDisposableStack();
  const { signal } = new AbortController();
  const folder = join(options.root, "cluster");
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const log = jsonLog((line) => process.stderr.write(line), {
    level: options.logLevel,
    now: () => new Date(),
  });
  const store = undo.use(
    new SqliteStore({
      file: join(folder, "state.db"),
      log: log.with({ area: "store" }),
      now: () => Date.now() / 1000,
    }),
  );
  const pki = undo.use(
    new PkiKeeper({
      folder: join(folder, "pki"),
      hostname: hostname(),
      nodeName: hostname().toLowerCase(),
      addresses: ownAddresses(),
      now: () => new Date(),
      log: log.with({ area: "pki" }),
    }),
  );
  const api = undo.use(
    await openApi(
      {
        store,
        resources,
        owners: { update() {}, apply: (_write, _old, applied) => applied },
        access: () => openToAll,
        connect: () => Promise.reject(failure("ServiceUnavailable", "there is no way to nodes yet")),
        facts: { version: "v1.36.0", platform: "linux/amd64", runtime: process.version },
        checks: new Map(),
        address: () => `127.0.0.1:${options.listen.port}`,
        now: () => new Date(),
        newUid: randomUUID,
        random: Math.random,
        log: log.with({ area: "apiserver" }),
      },
      signal,
    ),
  );
  const server = undo.use(
    await ApiServer.open(api.handler, {
      ...options.listen,
      tls: tlsOf(pki.current),
      log: log.with({ area: "apiserver" }),
    }),
  );
  const { port } = server;
  undo.use(pki.onRenewed((renewed) => server.renewTls(tlsOf(renewed))));
  ensureAdminKubeconfig(pki.current, `https://127.0.0.1:${port}`, options.root);
  log.info("the Kubernetes API is served", { host: options.listen.host, port });
  const opened = undo.move();
  return { port, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

const administrator: User = { name: "system:admin", groups: ["system:masters", "system:authenticated"] };

/** Until certificates and roles say otherwise. */
const openToAll: AccessControl = {
  authenticator: { authenticate: async ({ certificate }) => (certificate ? administrator : undefined) },
  authorizer: {
    authorize: ({ user }) =>
      user.groups.includes("system:masters")
        ? { is: "allowed", reason: "" }
        : { is: "no-opinion", reason: "" },
  },
  plugins: [],
  virtual: new Map(),
  paths: new Map(),
};

function tlsOf({ identities: { apiserver }, authority }: Pki): ServerTls {
  return { ...apiserver, clientAuthorities: authority };
}

/** Of this machine, but for its own and link-local ones. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
}
