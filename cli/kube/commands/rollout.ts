import { isStatus } from "#api/kube/status.ts";
import { parseDuration } from "#base/duration.ts";
import { messageOf } from "#base/fault.ts";
import type { Context } from "../../context.ts";
import { bool, number, text } from "../../flags.ts";
import { podTemplateText } from "../describe/pod-template.ts";
import { lastApplied } from "../apply/client-side.ts";
import { deadlineAfter } from "../deadline.ts";
import { groupResourceOf, objectName } from "../discovery.ts";
import { dryRunFlags, parseDryRun } from "../dry-run.ts";
import { KubeFailure, throwAll } from "../failure.ts";
import { findPrinter, outputFlags } from "../print/choose-printer.ts";
import { ColumnWriter } from "../print/column-writer.ts";
import { resultPrinter } from "../print/result-printer.ts";
import { listRevisions, type Revision } from "../rollout/revisions.ts";
import { rolloutStatus } from "../rollout/status.ts";
import type { FoundObject } from "../read-objects.ts";
import { rolloutObjects } from "../rollout/targets.ts";
import { revisionToUndo, undo as undoOne } from "../rollout/undo.ts";
import { defineKubeCommand, type Kube } from "../session.ts";
import { targetFlags } from "../targets.ts";
import { watchObjects } from "../watch-objects.ts";
import { patchObject } from "../write-object.ts";

const usage = "(TYPE NAME | TYPE/NAME | -f FILE) [flags]";
const common = {
  usage,
  operands: [0, Infinity],
  complete: ["kube-type", "kube-object"],
} as const;

export const status = defineKubeCommand({
  ...common,
  about: "Follows a roll-out until it is done.",
  flags: {
    ...targetFlags,
    watch: bool("Follow it", "w", { isOn: true, shownDefault: "true" }),
    revision: number("REVISION", "Fail unless it is the one that runs"),
    timeout: text("DURATION", "How long to wait (default 0s: as long as it takes)"),
  },
  examples: [["gantry rollout status deploy/web", "wait until all pods are new"]],
  async run(context, values, operands) {
    const objects = await rolloutObjects(context, operands, values, (error) => {
      throw error;
    });
    if (objects.length === 0)
      context.err.write(`No resources found in ${context.kube.namespace} namespace.\n`);
    const limitMs = parseDuration(values.timeout ?? "0s") / 1e6;
    for (const one of objects) await followStatus(context, one, values.revision ?? 0, values.watch, limitMs);
    return 0;
  },
});

async function followStatus(
  context: Context & { readonly kube: Kube },
  { target, object: first }: FoundObject,
  revision: number,
  isWatched: boolean,
  limitMs: number,
): Promise<void> {
  const late = deadlineAfter(limitMs);
  const done = new AbortController();
  const signal = AbortSignal.any([context.signal, done.signal, ...(late === undefined ? [] : [late])]);
  rolloutStatus(first, revision); // a kind that has none is told of at once
  let problem: unknown;
  const show = (type: string, object: FoundObject["object"]) => {
    if (done.signal.aborted) return;
    try {
      if (type === "DELETED") throw new KubeFailure("error: object has been deleted");
      const { text: line, isDone } = rolloutStatus(object, revision);
      context.out.write(line);
      if (isDone || !isWatched) done.abort();
    } catch (error) {
      problem = error;
      done.abort();
    }
  };
  try {
    while (!done.signal.aborted)
      await watchObjects({ ...context, signal }, target, { accept: undefined, isOnlyChanges: false }, show);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!done.signal.aborted)
      throw late?.aborted === true ? new KubeFailure("error: timed out waiting for the condition") : error;
  }
  if (problem !== undefined) throw problem;
}

export const history = defineKubeCommand({
  ...common,
  about: "Shows the revisions of an object, or one of them.",
  flags: { ...targetFlags, ...outputFlags, revision: number("REVISION", "Show this one's pods") },
  examples: [
    ["gantry rollout history deploy/web", "all of them"],
    ["gantry rollout history deploy/web --revision=2", "what was in the second"],
  ],
  async run(context, values, operands) {
    const { kube, out, signal } = context;
    const write = (line: string) => out.write(line);
    const printer = findPrinter(values, write);
    const wanted = values.revision ?? 0;
    const problems: unknown[] = [];
    for (const one of await rolloutObjects(context, operands, values, (error) => problems.push(error))) {
      const revisions = await listRevisions(kube, one, "history", signal);
      const shown = wanted > 0 ? revisions.filter((revision) => revision.number === wanted) : revisions;
      if (wanted > 0 && shown.length === 0)
        throw new KubeFailure("error: unable to find the specified revision");
      if (printer !== undefined) for (const { kept } of shown) printer(kept);
      else write(`${objectName(one.target.resource, one.target.name)} ${historyText(shown, wanted)}\n`);
    }
    throwAll(problems);
    return 0;
  },
});

function historyText(revisions: readonly Revision[], wanted: number): string {
  const [first] = revisions;
  if (first === undefined) return "\nNo rollout history found.";
  if (wanted > 0) return `with revision #${wanted}\n${templateText(first)}`;
  let text = "";
  const writer = new ColumnWriter((lines) => (text += lines));
  writer.add(["REVISION", "CHANGE-CAUSE"]);
  for (const { number: revision, cause } of revisions)
    writer.add([String(revision), cause === "" ? "<none>" : cause]);
  writer.flush();
  return `\n${text}`;
}

function templateText({ template, cause }: Revision): string {
  if (template === undefined) return "";
  const annotations = {
    ...template.metadata?.annotations,
    ...(cause !== "" && { "kubernetes.io/change-cause": cause }),
  };
  return podTemplateText({ ...template, metadata: { ...template.metadata, annotations } });
}

export const undo = defineKubeCommand({
  ...common,
  about: "Goes back to an earlier revision, the one before the last unless told.",
  flags: {
    ...targetFlags,
    ...outputFlags,
    ...dryRunFlags,
    "to-revision": number("REVISION", "Which one (default 0: the one before the last)"),
  },
  examples: [["gantry rollout undo deploy/web", "as it was before"]],
  async run(context, values, operands) {
    const { kube, out, err, signal } = context;
    const dryRun = parseDryRun(values["dry-run"]);
    const results = resultPrinter(values, dryRun, false, (line) => out.write(line));
    const how = { fieldManager: "kubectl-rollout", isDryRun: dryRun === "server" };
    const wanted = values["to-revision"] ?? 0;
    const problems: unknown[] = [];
    for (const one of await rolloutObjects(context, operands, values, (error) => problems.push(error))) {
      try {
        const revisions = await listRevisions(kube, one, "rollbacker", signal);
        warnIfApplied(one, (line) => err.write(line));
        const revision = revisionToUndo(one, revisions, wanted);
        const verb =
          dryRun === "client"
            ? templateText(revision)
            : await undoOne(kube, one, revision, wanted, how, signal);
        results.print(one.target, verb, one.object);
      } catch (error) {
        signal.throwIfAborted();
        problems.push(error);
      }
    }
    throwAll(problems);
    return 0;
  },
});

function warnIfApplied({ target, object }: FoundObject, write: (line: string) => void): void {
  if (object.metadata?.annotations?.[lastApplied] === undefined) return;
  write(
    `Warning: resource ${groupResourceOf(target.resource)}/${target.name} was previously managed with 'gantry apply'. Rolling back will not update the ${lastApplied} annotation, which may cause unexpected behavior on future 'gantry apply' operations. Consider using 'gantry apply' with your previous configuration file instead.\n`,
  );
}

interface Change {
  /** The patch, or why there is none. */
  readonly plan: (one: FoundObject) => object | string;
  readonly verb: string;
  readonly about: string;
  readonly example: readonly [command: string, what: string];
}

const scalable = new Set(["Deployment", "DaemonSet", "StatefulSet"]);
const isPaused = ({ object }: FoundObject) =>
  (object["spec"] as { readonly paused?: boolean }).paused === true;

/** A command that patches each object. */
function changing({ plan, verb, about, example }: Change) {
  return defineKubeCommand({
    ...common,
    about,
    flags: { ...targetFlags, ...outputFlags, "field-manager": text("NAME", "Who manages the fields") },
    examples: [example],
    async run(context, values, operands) {
      const { kube, out, err, signal } = context;
      const results = resultPrinter(values, "none", false, (line) => out.write(line));
      const how = { fieldManager: values["field-manager"] ?? "kubectl-rollout", isDryRun: false };
      const problems: unknown[] = [];
      const objects = await rolloutObjects(context, operands, values, (error) => problems.push(error));
      if (objects.length === 0 && problems.length === 0)
        err.write(`No resources found in ${kube.namespace} namespace.\n`);
      for (const one of objects) {
        const patch = plan(one);
        try {
          if (typeof patch === "string")
            throw new KubeFailure(
              `error: ${groupResourceOf(one.target.resource)} "${one.target.name}" ${patch}`,
            );
          const object = await patchObject(kube, one.target, { type: "strategic", body: patch }, how, signal);
          results.print(one.target, verb, object);
        } catch (error) {
          signal.throwIfAborted();
          problems.push(
            isStatus(error) ? new KubeFailure(`error: failed to patch: ${messageOf(error)}`) : error,
          );
        }
      }
      throwAll(problems);
      return 0;
    },
  });
}

export const restart = changing({
  verb: "restarted",
  about: "Replaces all pods, as for a change of them.",
  example: ["gantry rollout restart deploy/web", "new pods of the same"],
  plan: (one) => {
    if (!scalable.has(one.object.kind ?? "")) return "restarting is not supported";
    if (one.object.kind === "Deployment" && isPaused(one))
      return "can't restart paused deployment (run rollout resume first)";
    const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const annotations = { "kubectl.kubernetes.io/restartedAt": now };
    return { spec: { template: { metadata: { annotations } } } };
  },
});

export const pause = changing({
  verb: "paused",
  about: "Holds roll-outs of a Deployment up: changes do not reach pods until it is resumed.",
  example: ["gantry rollout pause deploy/web", "collect several changes"],
  plan: (one) => {
    if (one.object.kind !== "Deployment") return "pausing is not supported";
    return isPaused(one) ? "is already paused" : { spec: { paused: true } };
  },
});

export const resume = changing({
  verb: "resumed",
  about: "Lets a Deployment that was paused roll out.",
  example: ["gantry rollout resume deploy/web", "go on"],
  plan: (one) => {
    if (one.object.kind !== "Deployment") return "resuming is not supported";
    return isPaused(one) ? { spec: { paused: null } } : "is not paused";
  },
});
