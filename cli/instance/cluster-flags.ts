import { Fault, messageOf } from "#base/fault.ts";
import type { Context } from "../context.ts";
import { bool, type FlagTable, type FlagValues, text } from "../flags.ts";
import { findDaemon } from "./pid-file.ts";
import { startServer } from "./start-server.ts";
import { stopDaemon } from "./stop-daemon.ts";
import { tellUp } from "./tell-up.ts";

/** Flags of `gantry up` about the cluster that it starts beside the engine. */
export const clusterFlags = {
  cluster: bool(
    "Start a Kubernetes cluster of this machine: API, controllers, scheduler and node agent",
    undefined,
    {
      isOn: true,
      shownDefault: "true",
    },
  ),
  "no-cluster": bool("Leave the cluster out: the engine alone"),
  "kube-listen": text("ADDRESS", "HOST:PORT of the Kubernetes API (default 127.0.0.1:6443)"),
  "lb-pool": text("ADDRESSES", "Addresses for services of type LoadBalancer, ADDRESS/PREFIX or FIRST-LAST"),
} as const satisfies FlagTable;

type Values = FlagValues<typeof clusterFlags>;

export function wantsCluster(values: Values): boolean {
  return values.cluster && !values["no-cluster"];
}

/**
 * Starts the cluster in the background unless it runs, and says so. Disposing of what it resolves to stops the one that it started.
 *
 * @throws {Fault} `unavailable` when it does not start; the engine is up all the same
 */
export async function startCluster(context: Context, values: Values): Promise<AsyncDisposable> {
  const { instance, signal } = context;
  const before = performance.now();
  const wasUp = findDaemon(instance.run, "server") !== undefined;
  try {
    await startServer(context, clusterWords(values));
  } catch (error) {
    signal.throwIfAborted();
    throw new Fault(
      "unavailable",
      `${messageOf(error)}\n'gantry up --no-cluster' is the engine alone, --kube-listen moves the API`,
      { cause: error },
    );
  }
  tellUp(context, "cluster", wasUp, before, `; use: export KUBECONFIG=${instance.root}/kubeconfig`);
  return { [Symbol.asyncDispose]: () => (wasUp ? Promise.resolve() : stopServer(context)) };
}

async function stopServer({ instance }: Context): Promise<void> {
  const server = findDaemon(instance.run, "server");
  // Signals have done their work by now: this takes as long as it takes.
  if (server !== undefined) await stopDaemon("server", server, new AbortController().signal);
}

function clusterWords(values: Values): readonly string[] {
  return (["kube-listen", "lb-pool"] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}=${value}`];
  });
}
