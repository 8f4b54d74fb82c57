import { StatusError, isStatus } from "#api/kube/status.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { parseDuration } from "#base/duration.ts";
import { messageOf } from "#base/fault.ts";
import type { Query } from "#client/kube/kube-requests.ts";
import { objectPath } from "#client/kube/kube-resource.ts";
import { pods as podResource } from "#client/kube/resources.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../../context.ts";
import { bool, number, text, type FlagTable, type FlagValues } from "../../flags.ts";
import { KubeFailure } from "../failure.ts";
import {
  checkContainer,
  defaultContainer,
  findObject,
  listPods,
  podSelectorOf,
  sortPods,
} from "../pods-of.ts";
import { prefixedLines } from "../prefixed-lines.ts";
import { defineKubeCommand, type Kube } from "../session.ts";

const usage = `error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.
POD or TYPE/NAME is a required argument for the logs command
See 'gantry kube logs -h' for help and examples`;

const flags = {
  "all-containers": bool("Of all containers"),
  "all-pods": bool("Of all pods of a Deployment or the like, each line with its source"),
  container: text("NAME", "Which container; the first one, unless told", "c"),
  follow: bool("Go on with what is written", "f"),
  "ignore-errors": bool("Go on with the others when one fails"),
  "limit-bytes": number("COUNT", "At most so many bytes"),
  "max-log-requests": number("COUNT", "How many to follow at once (default 5)"),
  "pod-running-timeout": text("DURATION", "How long to wait for a pod (default 20s)"),
  prefix: bool("The source before each line"),
  previous: bool("Of the container before the last restart", "p"),
  selector: text("LABELS", "Of the pods with these labels", "l"),
  since: text("DURATION", "Not older than this, e.g. 5m"),
  "since-time": text("TIME", "Not older than this, in RFC 3339"),
  tail: number("COUNT", "Only the last lines (default all; 10 with -l)"),
  timestamps: bool("The time before each line"),
} as const satisfies FlagTable;

type LogValues = FlagValues<typeof flags>;

export const logs = defineKubeCommand({
  usage: "(POD | TYPE/NAME | -l LABELS) [CONTAINER] [flags]",
  about: "Shows what containers of pods have written, as kubectl logs does.",
  flags,
  operands: [0, Infinity],
  complete: ["kube-object"],
  examples: [
    ["gantry logs -f deploy/web", "follow a pod of a Deployment's"],
    ["gantry kube logs web-0 -c app --previous", "before it was restarted"],
  ],
  async run(context, values, operands) {
    const { kube, signal } = context;
    checkFlags(values, operands);
    const [word, inline] = operands;
    const container = values.container ?? inline;
    const patienceMs = parseDuration(values["pod-running-timeout"] ?? "20s") / 1e6;
    const found = await podsFor(context, values, word, patienceMs);
    const sources = found.flatMap((pod) => sourcesOf(context, values, pod, container));
    const most = values["max-log-requests"] ?? 5;
    if (values.follow && sources.length > 1 && sources.length > most)
      throw new KubeFailure(
        `error: you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${most}, use --max-log-requests to increase the limit`,
      );
    const query = queryOf(values);
    const read = (source: Source) => readLog({ ...context, kube }, values, source, query, patienceMs);
    if (values.follow) await Promise.all(sources.map(read));
    else for (const source of sources) await read(source);
    signal.throwIfAborted();
    return 0;
  },
});

interface Source {
  readonly pod: Pod;
  readonly container: string;
}

function checkFlags(values: LogValues, operands: readonly string[]): void {
  const { selector, tail } = values;
  if (operands.length > 2 || (operands.length === 0 && selector === undefined)) throw new KubeFailure(usage);
  if (operands.length > 0 && selector !== undefined)
    throw new KubeFailure(
      "error: only a selector (-l) or a POD name is allowed\nSee 'gantry kube logs -h' for help and examples",
    );
  if (values.since !== undefined && values["since-time"] !== undefined)
    throw new KubeFailure("error: at most one of `sinceTime` or `sinceSeconds` may be specified");
  const container = values.container ?? operands[1];
  if (values["all-containers"] && container !== undefined)
    throw new KubeFailure(
      `error: --all-containers=true should not be specified with container name ${container}`,
    );
  if (values.container !== undefined && operands.length === 2)
    throw new KubeFailure("error: only one of -c or an inline [CONTAINER] arg is allowed");
  if ((values["limit-bytes"] ?? 1) < 0) throw new KubeFailure("error: --limit-bytes must be greater than 0");
  if ((tail ?? 0) < -1) throw new KubeFailure("error: --tail must be greater than or equal to -1");
}

function queryOf(values: LogValues): Query {
  const { tail, selector, since } = values;
  const lines = tail ?? (selector === undefined ? undefined : 10);
  return {
    follow: values.follow || undefined,
    previous: values.previous || undefined,
    timestamps: values.timestamps || undefined,
    limitBytes: values["limit-bytes"] === 0 ? undefined : values["limit-bytes"],
    sinceTime: values["since-time"],
    sinceSeconds: since === undefined ? undefined : Math.round(parseDuration(since) / 1e9),
    tailLines: lines === -1 ? undefined : lines,
  };
}

async function podsFor(
  { kube, err, signal }: Context & { readonly kube: Kube },
  values: LogValues,
  word: string | undefined,
  patienceMs: number,
): Promise<readonly Pod[]> {
  if (word === undefined) {
    const found = await listPods(kube, kube.namespace, values.selector ?? "", 0, signal).catch(
      (error: unknown) => {
        if (error instanceof KubeFailure) return [];
        throw error;
      },
    );
    if (found.length === 0) err.write(`No resources found in ${kube.namespace} namespace.\n`);
    return found;
  }
  const { object } = await findObject(kube, word, signal).catch((error: unknown) => {
    if (!isStatus(error, "NotFound")) throw error;
    throw new KubeFailure(
      `error: error from server (NotFound): ${error.message} in namespace ${JSON.stringify(kube.namespace)}`,
    );
  });
  if (object.kind === "Pod") return [object as unknown as Pod];
  const selector = podSelectorOf(object, `cannot get the logs from *v1.${object.kind ?? ""}`);
  const namespace = object.metadata?.namespace ?? kube.namespace;
  const found = sortPods(await listPods(kube, namespace, selector, patienceMs, signal), "most-first");
  if (values["all-pods"] || found.length === 1) return found;
  err.write(`Found ${found.length} pods, using pod/${found[0]?.metadata.name}\n`);
  return found.slice(0, 1);
}

function sourcesOf(
  { err }: Context,
  values: LogValues,
  pod: Pod,
  container: string | undefined,
): readonly Source[] {
  const { spec } = pod;
  if (values["all-containers"]) {
    const all = [
      ...(spec?.initContainers ?? []),
      ...(spec?.containers ?? []),
      ...(spec?.ephemeralContainers ?? []),
    ];
    return all.map(({ name }) => ({ pod, container: name }));
  }
  const tell = (line: string) => {
    if (!values["all-pods"]) err.write(line);
  };
  const chosen = container ?? defaultContainer(pod, tell);
  checkContainer(pod, chosen);
  return [{ pod, container: chosen }];
}

const retryMs = 1000;

/** While it is followed, what cannot be read yet is tried again for a while. */
async function readLog(
  context: Context & { readonly kube: Kube },
  values: LogValues,
  source: Source,
  query: Query,
  patienceMs: number,
): Promise<void> {
  const { err, out, signal } = context;
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await copyLog(context, values, source, query);
    } catch (error) {
      signal.throwIfAborted();
      if (values["ignore-errors"]) {
        out.write(`error: ${messageOf(error)}\n`);
        return;
      }
      if (!values.follow) throw error;
      err.write(`${messageOf(error)}\n`);
      if (!(error instanceof StatusError)) throw error;
      if (performance.now() > deadline) throw new KubeFailure("error: timed out waiting for the condition");
    }
    await sleep(retryMs, undefined, { signal });
  }
}

async function copyLog(
  { kube, out, signal }: Context & { readonly kube: Kube },
  values: LogValues,
  { pod, container }: Source,
  query: Query,
): Promise<void> {
  const { namespace, name = "" } = pod.metadata;
  const path = objectPath(podResource, { namespace, name }, "log");
  const bytes = await kube.requests.open({ method: "GET", path, query: { container, ...query } }, signal);
  const prefix = values.prefix || values["all-pods"] ? `[pod/${name}/${container}] ` : "";
  for await (const lines of prefixedLines(bytes, prefix)) out.write(lines);
}
