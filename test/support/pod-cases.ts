import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { LiveCluster, PodSpec } from "./live-cluster.ts";

/** A pod that runs to its end, and what its container says: many of them are made at once and looked at one by one. */
export interface PodCase {
  /** As the table of conformance calls it. */
  readonly name: string;
  readonly script?: string;
  readonly container?: Partial<Container>;
  readonly spec?: Partial<PodSpec>;
  readonly metadata?: Pod["metadata"];
  readonly says: string | RegExp;
}

export function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  const command = ["sh", "-c", script];
  return { name, image: "test", imagePullPolicy: "IfNotPresent", command, ...more };
}

/** Ends at once when it is told to, as a good container does. */
export const waits = "trap 'exit 0' TERM; sleep 1000 & wait";

export const isReady = (pod: Pod) =>
  pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
export const isRunning = (pod: Pod) => pod.status?.phase === "Running";
export const hasEnded = ({ status }: Pod) => status?.phase === "Succeeded" || status?.phase === "Failed";
export const statusOf = (pod: Pod, name: string) =>
  [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ].find((each) => each.name === name);

export async function createCases(
  cluster: LiveCluster,
  prefix: string,
  cases: readonly PodCase[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    cases.map(async ({ script = "", container = {}, spec = {}, metadata }, at) => {
      const containers = [shell("main", script, container)];
      await cluster.pod(`${prefix}-${at}`, { restartPolicy: "Never", containers, ...spec }, signal, metadata);
    }),
  );
}

/** A test for each, by its name. */
export function testCases(cluster: () => LiveCluster, prefix: string, cases: readonly PodCase[]): void {
  for (const [at, { name, says }] of cases.entries())
    test(name, async (t) => {
      const pod = await cluster().when(`${prefix}-${at}`, hasEnded, t.signal);
      const text = await cluster().said(pod.metadata.name ?? "", t.signal, { container: "main" });
      if (typeof says === "string") assert.equal(text.trimEnd(), says);
      else assert.match(text, says);
      assert.equal(pod.status?.phase, "Succeeded");
    });
}
