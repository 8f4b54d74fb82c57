import { failure, isStatus } from "#api/kube/status.ts";
import { objectPath } from "#client/kube/kube-resource.ts";
import { parseDuration } from "#base/duration.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../../context.ts";
import { bool, number, text } from "../../flags.ts";
import { dryRunFlags, parseDryRun } from "../dry-run.ts";
import { KubeFailure, throwAll } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import { outputFlags } from "../print/choose-printer.ts";
import { resultPrinter } from "../print/result-printer.ts";
import { findAllObjects } from "../read-objects.ts";
import { defineKubeCommand, type Kube } from "../session.ts";
import { findTargets, type ObjectTarget, targetFlags } from "../targets.ts";
import { patchObject, type WriteHow } from "../write-object.ts";

export const scale = defineKubeCommand({
  usage: "--replicas=COUNT (-f FILE | TYPE NAME... | TYPE/NAME...) [flags]",
  about: "Sets how many replicas a Deployment, ReplicaSet, StatefulSet or another scalable object has.",
  flags: {
    ...targetFlags,
    ...outputFlags,
    ...dryRunFlags,
    replicas: number("COUNT", "How many"),
    "current-replicas": number("COUNT", "Only if it has as many now"),
    "resource-version": text("VERSION", "Only if it has this resourceVersion"),
    all: bool("All of the types, in the namespace"),
    timeout: text("DURATION", "Wait so long until it is done (default 0s: not at all)"),
  },
  operands: [0, Infinity],
  complete: ["kube-type", "kube-object"],
  examples: [
    ["gantry scale --replicas=3 deploy/web", "three of them"],
    ["gantry scale --current-replicas=2 --replicas=3 deploy/web", "only if there are two"],
  ],
  async run(context, values, operands) {
    const { kube, out, signal } = context;
    if (values.replicas === undefined) throw new KubeFailure('error: required flag(s) "replicas" not set');
    if (values.replicas < 0)
      throw new KubeFailure(
        "error: The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0",
      );
    const dryRun = parseDryRun(values["dry-run"]);
    const targets = await findTargets(kube, operands, { ...values, takesAll: values.all }, signal);
    const problems: unknown[] = [];
    const found = await findAllObjects(kube, targets, (error) => problems.push(error), signal);
    if (found.length === 0 && problems.length === 0)
      throw new KubeFailure("error: no objects passed to scale");
    if (values["resource-version"] !== undefined && found.length > 1)
      throw new KubeFailure("error: cannot use --resource-version with multiple resources");
    const results = resultPrinter(values, dryRun, false, (written) => out.write(written));
    const how = { fieldManager: "gantry", isDryRun: dryRun === "server" };
    for (const { target, object } of found) {
      if (dryRun !== "client") await scaleOne(context, target, { ...values, replicas: values.replicas }, how);
      results.print(target, "scaled", withReplicas(object, values.replicas));
    }
    throwAll(problems);
    return 0;
  },
});

interface ScaleValues {
  readonly replicas: number;
  readonly "current-replicas": number | undefined;
  readonly "resource-version": string | undefined;
  readonly timeout: string | undefined;
}

interface Scale extends KubeFields {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number };
}

function withReplicas(object: KubeFields, replicas: number): KubeFields {
  return { ...object, spec: { ...(object["spec"] as object), replicas } };
}

async function scaleOne(
  context: Context & { readonly kube: Kube },
  target: ObjectTarget,
  values: ScaleValues,
  how: WriteHow,
): Promise<void> {
  const { kube, signal } = context;
  const { "current-replicas": expected = -1, "resource-version": version } = values;
  if (!target.resource.subresources.includes("scale"))
    throw failure("NotFound", "the server could not find the requested resource");
  if (expected !== -1 || version !== undefined) await checkBefore(context, target, expected, version);
  const metadata = version === undefined ? {} : { metadata: { resourceVersion: version } };
  const body = { ...metadata, spec: { replicas: values.replicas } };
  await patchObject(kube, target, { type: "merge", body, subresource: "scale" }, how, signal);
  const limitMs = parseDuration(values.timeout ?? "0s") / 1e6;
  if (limitMs > 0 && !how.isDryRun) await untilScaled(context, target, values.replicas, limitMs);
}

async function checkBefore(
  { kube, signal }: Context & { readonly kube: Kube },
  target: ObjectTarget,
  expected: number,
  version: string | undefined,
): Promise<void> {
  const { spec, metadata } = await readScale(kube, target, signal);
  const actual = spec?.replicas ?? 0;
  if (expected !== -1 && actual !== expected)
    throw new KubeFailure(`error: Expected replicas to be ${expected}, was ${actual}`);
  if (version !== undefined && metadata?.resourceVersion !== version)
    throw new KubeFailure(
      `error: Expected resource version to be ${version}, was ${metadata?.resourceVersion}`,
    );
}

function readScale(
  { requests }: Kube,
  { resource, namespace, name }: ObjectTarget,
  signal: AbortSignal,
): Promise<Scale> {
  return requests.json<Scale>(
    { method: "GET", path: objectPath(resource, { namespace, name }, "scale") },
    signal,
  );
}

const lookMs = 250;

/** @throws {KubeFailure} when the time is over */
async function untilScaled(
  { kube, signal }: Context & { readonly kube: Kube },
  target: ObjectTarget,
  replicas: number,
  limitMs: number,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const now = await readScale(kube, target, signal).catch((error: unknown) => {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    });
    if (now === undefined || now.status?.replicas === replicas) return;
    await sleep(lookMs, undefined, { signal });
  }
  throw new KubeFailure("error: timed out waiting for the condition");
}
