import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Deployment } from "#api/kube/types/apps.ts";
import type { Service } from "#api/kube/types/core.ts";
import { messageOf } from "#base/fault.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { deployments, services } from "#client/kube/resources.ts";
import { withCluster } from "../cli/instance/with-cluster.ts";
import type { Terminal } from "../cli/output/terminal.ts";
import { formatElapsed } from "../cli/output/units.ts";

const name = "gantry-demo";
const namespace = "default";
const replicas = 3;
const selector = { app: name };
const gantry = join(import.meta.dirname, "../bin/gantry");
const root = process.env["GANTRY_ROOT"] ?? "/var/lib/gantry";
const timeoutMs = 60_000;
const answerTimeoutMs = 2000;

/** Starts the cluster and has three replicas answer behind one service, a line for each step; for a failure one that says why. */
export async function showCluster(out: Terminal): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const { stdout } = await promisify(execFile)(gantry, ["up", "--no-link"], { signal });
    const line = stdout.split("\n").find((text) => text.startsWith("cluster "));
    out.write(`cluster     ${line?.slice("cluster ".length) ?? "up"}\n`);
    await withCluster(root, async (kube) => await showDeployment(kube, out, signal));
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string };
    const reason = signal.aborted ? `not within ${timeoutMs / 1000} s` : stderr?.trim() || messageOf(error);
    out.write(`cluster     ${out.red("does not work here")}: ${reason}\n`);
  }
}

async function showDeployment(kube: KubeClient, out: Terminal, signal: AbortSignal): Promise<void> {
  const start = performance.now();
  const own = { fieldManager: name, force: true };
  const { metadata } = await kube.of(deployments).apply(deployment, own, signal);
  const { spec } = await kube.of(services).apply(service, own, signal);
  await untilAvailable(kube, metadata.generation ?? 0, signal);
  const address = `http://${spec.clusterIP}/`;
  out.write(
    `deployment  ${replicas} replicas are behind the service ${name} at ${address} (${since(start)})\n`,
  );
  const before = performance.now();
  const names = await askAll(address, signal);
  out.write(`answers     ${out.green(`from all ${replicas}`)}: ${names.join(", ")} (${since(before)})\n`);
}

async function untilAvailable(kube: KubeClient, generation: number, signal: AbortSignal): Promise<void> {
  const fieldSelector = `metadata.name=${name}`;
  for await (const { object } of await kube.of(deployments).watch({ namespace, fieldSelector }, signal)) {
    const { observedGeneration = 0, updatedReplicas, availableReplicas } = object.status ?? {};
    if (observedGeneration < generation || updatedReplicas !== replicas) continue;
    if (availableReplicas === replicas) return;
  }
}

/** Every request is a connection of its own, and each goes to a replica by chance. */
async function askAll(address: string, signal: AbortSignal): Promise<readonly string[]> {
  const names = new Set<string>();
  while (names.size < replicas) {
    signal.throwIfAborted();
    const soon = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]);
    try {
      names.add(await (await fetch(address, { signal: soon, headers: { Connection: "close" } })).text());
    } catch {
      await sleep(10, undefined, { signal });
    }
  }
  return [...names].map((text) => text.trim()).sort();
}

function since(start: number): string {
  return formatElapsed(performance.now() - start);
}

const deployment: Deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { namespace, name },
  spec: {
    replicas,
    selector: { matchLabels: selector },
    template: {
      metadata: { labels: selector },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "web",
            image: "busybox",
            imagePullPolicy: "IfNotPresent", // the engine has it: nobody needs a registry
            command: ["sh", "-c", "mkdir /www && hostname >/www/index.html && exec httpd -f -p 80 -h /www"],
            readinessProbe: { httpGet: { port: 80 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};

const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace, name },
  spec: { selector, ports: [{ port: 80 }] },
};
