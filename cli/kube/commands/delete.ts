import { isStatus } from "#api/kube/status.ts";
import type { DeleteOptions } from "#api/kube/meta.ts";
import { parseDuration } from "#base/duration.ts";
import type { Context } from "../../context.ts";
import { bool, number, text, type FlagTable, type FlagValues } from "../../flags.ts";
import { deadlineAfter } from "../deadline.ts";
import { deleteObject, untilGone } from "../delete-object.ts";
import { groupKindOf, objectName } from "../discovery.ts";
import { type DryRun, dryRunFlags, dryRunNote, parseDryRun } from "../dry-run.ts";
import { KubeFailure, throwAll } from "../failure.ts";
import { findObjects } from "../read-objects.ts";
import { defineKubeCommand, type Kube } from "../session.ts";
import { findTargets, type ObjectTarget, type Target, targetFlags } from "../targets.ts";
import { withSource } from "../write-object.ts";

const flags = {
  ...targetFlags,
  ...dryRunFlags,
  all: bool("All of the types, in the namespace"),
  "all-namespaces": bool("Of all namespaces", "A"),
  "field-selector": text("FIELDS", "Only objects with these fields"),
  cascade: text(
    "background|orphan|foreground",
    "What becomes of dependents (default background)",
    undefined,
    {
      bare: "background",
    },
  ),
  force: bool("Do not wait for what runs to end"),
  "grace-period": number("SECONDS", "How long what runs may take to end; 0 only with --force"),
  now: bool("As --grace-period=1"),
  "ignore-not-found": bool("What is not there is no error; so with --all and selectors"),
  timeout: text("DURATION", "How long to wait (default 0s: as long as it takes)"),
  wait: bool("Wait until it is gone", undefined, { isOn: true, shownDefault: "true" }),
  output: text("name", "Print only names", "o"),
} as const satisfies FlagTable;

type DeleteValues = FlagValues<typeof flags>;

export const deleteIt = defineKubeCommand({
  usage: "(-f FILE | TYPE (NAME... | -l LABELS | --all) | TYPE/NAME...) [flags]",
  about: "Deletes objects, and waits until they are gone, as kubectl delete does.",
  flags,
  operands: [0, Infinity],
  complete: ["kube-type", "kube-object"],
  examples: [
    ["gantry delete -f web.yaml", "what the file has"],
    ["gantry delete pods -l app=web --now", "pods with a label, at once"],
  ],
  async run(context, values, operands, given) {
    const { kube, err, signal } = context;
    const dryRun = parseDryRun(values["dry-run"]);
    const hasSelection =
      values.all || values.selector !== undefined || values["field-selector"] !== undefined;
    const ignores = given.has("ignore-not-found") ? values["ignore-not-found"] : hasSelection;
    const grace = graceOf(values);
    const targets = await findTargets(
      kube,
      operands,
      {
        ...values,
        fieldSelector: values["field-selector"],
        isEverywhere: values["all-namespaces"],
        takesAll: values.all,
      },
      signal,
    );
    checkFlags(values);
    if (grace === 0)
      err.write(
        "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n",
      );
    if (
      kube.isNamespaceGiven &&
      !values["all-namespaces"] &&
      targets.some(({ resource }) => !resource.isNamespaced)
    )
      err.write("Warning: deleting cluster-scoped resources, not scoped to the provided namespace\n");
    const how = {
      grace,
      dryRun,
      propagationPolicy: propagationOf(values.cascade),
      isShort: values.output === "name",
    };
    const problems: unknown[] = [];
    const deleted = await deleteAll(context, targets, how, (error) => {
      signal.throwIfAborted();
      if (!(ignores && isStatus(error, "NotFound"))) problems.push(error);
    });
    throwAll(problems);
    if (deleted.found === 0) context.out.write("No resources found\n");
    if (values.wait && dryRun === "none") await waitForAll(context, deleted.gone, values.timeout);
    return 0;
  },
});

/** Undefined leaves it to the object. 0 is for who asks for force as well. @throws {KubeFailure} */
function graceOf({ now, force, "grace-period": given }: DeleteValues): number | undefined {
  const asked = given === undefined || given < 0 ? undefined : given;
  if (now && asked !== undefined)
    throw new KubeFailure("error: --now and --grace-period cannot be specified together");
  const seconds = now ? 1 : asked === 0 && !force ? 1 : asked;
  return force && seconds === undefined ? 0 : seconds;
}

function checkFlags(values: DeleteValues): void {
  const { output = "", all, selector, force } = values;
  if (output !== "" && output !== "name")
    throw new KubeFailure(`error: unexpected -o output mode: ${output}. We only support '-o name'`);
  if (all && (selector ?? values["field-selector"]) !== undefined)
    throw new KubeFailure("error: setting 'all' parameter but found a non empty selector. ");
  if (force && (graceOf(values) ?? 0) > 0)
    throw new KubeFailure("error: --force and --grace-period greater than 0 cannot be specified together");
}

function propagationOf(cascade = "background"): NonNullable<DeleteOptions["propagationPolicy"]> {
  switch (cascade) {
    case "background":
    case "true":
      return "Background";
    case "orphan":
    case "false":
      return "Orphan";
    case "foreground":
      return "Foreground";
    default:
      throw new KubeFailure(
        `error: invalid cascade value (${cascade}). Must be "background", "foreground", or "orphan"`,
      );
  }
}

interface DeleteHow {
  readonly grace: number | undefined;
  readonly dryRun: DryRun;
  readonly propagationPolicy: NonNullable<DeleteOptions["propagationPolicy"]>;
  readonly isShort: boolean;
}

interface Outcome {
  /** How many objects were to be deleted. */
  readonly found: number;
  readonly gone: readonly Deleted[];
}

interface Deleted {
  readonly target: ObjectTarget;
  readonly uid: string | undefined;
}

async function deleteAll(
  { kube, out, signal }: Context & { readonly kube: Kube },
  targets: readonly Target[],
  { grace, dryRun, propagationPolicy, isShort }: DeleteHow,
  onError: (error: unknown) => void,
): Promise<Outcome> {
  const options = { propagationPolicy, ...(grace !== undefined && { gracePeriodSeconds: grace }) };
  const gone: Deleted[] = [];
  let found = 0;
  for (const whole of targets) {
    for (const target of await objectsOf(kube, whole, onError, signal)) {
      found++;
      try {
        const uid =
          dryRun === "client"
            ? undefined
            : await deleteObject(kube, target, options, dryRun === "server", signal);
        const { resource, namespace, name } = target;
        const from = namespace === undefined ? "" : ` from ${namespace} namespace`;
        const what = `${grace === 0 ? "force deleted" : "deleted"}${from}${dryRunNote(dryRun)}`;
        if (isShort) out.write(`${objectName(resource, name)}\n`);
        else out.write(`${groupKindOf(resource)} "${name}" ${what}\n`);
        gone.push({ target, uid });
      } catch (error) {
        onError(withSource("deleting", target.manifest?.source, error));
      }
    }
  }
  return { found, gone };
}

async function objectsOf(
  kube: Kube,
  target: Target,
  onError: (error: unknown) => void,
  signal: AbortSignal,
): Promise<readonly ObjectTarget[]> {
  if (target.is === "object") return [target];
  try {
    return (await findObjects(kube, target, signal)).map((found) => found.target);
  } catch (error) {
    onError(error);
    return [];
  }
}

/** @throws {KubeFailure} when the time is over */
async function waitForAll(
  { kube, signal }: Context & { readonly kube: Kube },
  deleted: readonly Deleted[],
  timeout: string | undefined,
): Promise<void> {
  const limitMs = timeout === undefined ? 0 : parseDuration(timeout) / 1e6;
  const late = deadlineAfter(limitMs);
  const until = late === undefined ? signal : AbortSignal.any([signal, late]);
  for (const { target, uid } of deleted) {
    try {
      await untilGone(kube, target, uid, until);
    } catch (error) {
      signal.throwIfAborted();
      if (late?.aborted === true)
        throw new KubeFailure(
          `error: timed out waiting for the condition on ${target.resource.resource}/${target.name}`,
        );
      if (isStatus(error, "Forbidden") || isStatus(error, "MethodNotAllowed")) return;
      throw error;
    }
  }
}
