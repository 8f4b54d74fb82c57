import { isStatus } from "#api/kube/status.ts";
import type { Context } from "../../context.ts";
import { bool, number, text, type FlagTable, type FlagValues } from "../../flags.ts";
import { groupKindOf, groupResourceOf } from "../discovery.ts";
import { KubeFailure, throwAll } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import { findPrinter, listFlags, type ObjectPrinter } from "../print/choose-printer.ts";
import { ColumnWriter } from "../print/column-writer.ts";
import { type KubeTable, plainTable, TablePrinter, type TableOptions } from "../print/table.ts";
import { sortObjects, sortTables } from "../print/sort.ts";
import { readObjects, readPages } from "../read-objects.ts";
import { defineKubeCommand, type Kube } from "../session.ts";
import { findTargets, type Target, targetFlags } from "../targets.ts";
import { watchObjects } from "../watch-objects.ts";

const tableAccept =
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

const flags = {
  ...targetFlags,
  ...listFlags,
  "all-namespaces": bool("Of all namespaces", "A"),
  "field-selector": text("FIELDS", "Only objects with these fields, e.g. status.phase=Running"),
  "ignore-not-found": bool("What is not there is no error"),
  "chunk-size": number("COUNT", "Objects of a request (default 500); 0 for all at once"),
  subresource: text("NAME", "Show this subresource: status, scale"),
  watch: bool("Go on with what changes", "w"),
  "watch-only": bool("Only what changes"),
  "output-watch-events": bool("Show what a change is"),
  raw: text("PATH", "Print what the server answers at this path"),
} as const satisfies FlagTable;

type GetValues = FlagValues<typeof flags>;

export const get = defineKubeCommand({
  usage: "(TYPE[.VERSION][.GROUP] [NAME... | -l LABELS] | TYPE/NAME... | -f FILE) [flags]",
  about: "Shows objects of the cluster, as kubectl get does.",
  flags,
  operands: [0, Infinity],
  complete: ["kube-type", "kube-object"],
  examples: [
    ["gantry get pods -A -o wide", "all pods, and where they run"],
    ["gantry get deploy/web -o yaml", "everything about one object"],
    ["gantry get svc,pods -l app=web", "objects of several types"],
    ["gantry get pods -w", "and go on"],
  ],
  async run(context, values, operands) {
    const { kube, out, signal } = context;
    if (values.raw !== undefined) return await printRaw(context, values.raw);
    checkFlags(values);
    const isWatch = values.watch || values["watch-only"];
    if (operands.length === 0 && values.filename.length === 0) throw new KubeFailure(nothingAsked);
    const printer = findPrinter(values, (written) => out.write(written));
    const targets = await findTargets(
      kube,
      operands,
      {
        ...values,
        fieldSelector: values["field-selector"],
        isEverywhere: values["all-namespaces"],
        takesAll: true,
      },
      signal,
    );
    if (isWatch) return await watch(context, values, targets, printer);
    const problems: unknown[] = [];
    const tolerant = (error: unknown) => {
      signal.throwIfAborted();
      if (!(values["ignore-not-found"] && isStatus(error, "NotFound"))) problems.push(error);
    };
    if (printer !== undefined) await printObjects(context, values, targets, printer, tolerant);
    else await printTables(context, values, targets, problems, tolerant);
    throwAll(problems);
    return 0;
  },
});

type KubeContext = Context & { readonly kube: Kube };
type Tolerant = (error: unknown) => void;

const nothingAsked = `You must specify the type of resource to get. Use "gantry api-resources" for a complete list of supported resources.

error: Required resource not specified.
See 'gantry get -h' for help and examples`;

function checkFlags({ output = "", ...values }: GetValues): void {
  if (values["show-labels"] && output !== "" && output !== "wide")
    throw new KubeFailure(`error: --show-labels option cannot be used with ${output} printer`);
  if (values["label-columns"].length > 0 && output.startsWith("custom-columns"))
    throw new KubeFailure(`error: --label-columns option cannot be used with ${output} printer`);
  if (values["output-watch-events"] && !values.watch && !values["watch-only"])
    throw new KubeFailure(
      "error: --output-watch-events option can only be used with --watch or --watch-only",
    );
}

async function printRaw({ kube, out, signal }: KubeContext, path: string): Promise<number> {
  for await (const bytes of await kube.requests.open({ method: "GET", path }, signal)) out.write(bytes);
  return 0;
}

/** Several objects, or those of a list, are one list. */
async function printObjects(
  { kube, signal }: KubeContext,
  values: GetValues,
  targets: readonly Target[],
  printer: ObjectPrinter,
  tolerant: Tolerant,
): Promise<void> {
  const found: KubeFields[] = [];
  const [first] = targets;
  const isSingle = targets.length === 1 && first?.is === "object";
  const options = { ...chunks(values), subresource: values.subresource };
  for (const target of targets) {
    try {
      found.push(...(await readObjects(kube, target, options, signal)));
    } catch (error) {
      tolerant(error);
      if (isSingle) return;
    }
  }
  if (found.length === 0 && values["ignore-not-found"]) return;
  if (isSingle && found[0] !== undefined) return printer(found[0]);
  const items = values["sort-by"] === undefined ? found : sortObjects(found, values["sort-by"]);
  printer({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items });
}

function chunks({ "chunk-size": size, "sort-by": sortBy }: GetValues) {
  if (sortBy !== undefined) return { chunkSize: 0 };
  return size === undefined ? {} : { chunkSize: size };
}

interface TargetTable {
  readonly target: Target;
  readonly table: KubeTable;
}

async function readTables(
  { kube, signal }: KubeContext,
  values: GetValues,
  targets: readonly Target[],
  tolerant: Tolerant,
): Promise<readonly TargetTable[]> {
  const found: TargetTable[] = [];
  const sortBy = values["sort-by"];
  const options = {
    ...chunks(values),
    accept: tableAccept,
    subresource: values.subresource,
    ...(sortBy !== undefined && { query: { includeObject: "Object" } }),
  };
  for (const target of targets) {
    try {
      for await (const table of readPages<KubeTable & KubeFields>(kube, target, options, signal))
        found.push({ target, table: table.kind === "Table" ? table : plainTable(table) });
    } catch (error) {
      tolerant(error);
    }
  }
  return sortBy === undefined ? found : sortTables(found, sortBy);
}

/** A table for each run of the same resource, a blank line between. */
async function printTables(
  context: KubeContext,
  values: GetValues,
  targets: readonly Target[],
  problems: readonly unknown[],
  tolerant: Tolerant,
): Promise<void> {
  const { kube, out, err } = context;
  const found = await readTables(context, values, targets, tolerant);
  const isMixed = new Set(found.map(({ target }) => target.resource)).size > 1;
  let written = 0;
  let needsGap = false;
  const writer = new ColumnWriter((lines) => {
    out.write(needsGap ? `\n${lines}` : lines);
    needsGap = false;
    written += lines.length;
  });
  let printer: TablePrinter | undefined;
  let last: Target["resource"] | undefined;
  for (const { target, table } of found) {
    if (printer === undefined || last !== target.resource) {
      writer.forget();
      needsGap = last !== undefined && !values["no-headers"] && written > 0;
      printer = new TablePrinter(writer, tableOptions(values, target, isMixed));
      last = target.resource;
    }
    printer.print(table);
  }
  writer.flush();
  if (written > 0 || values["ignore-not-found"] || problems.length > 0) return;
  const isNamespaced = !values["all-namespaces"] && targets.every(({ resource }) => resource.isNamespaced);
  err.write(`No resources found${isNamespaced ? ` in ${kube.namespace} namespace.` : ""}\n`);
}

function tableOptions(values: GetValues, { resource }: Target, isMixed: boolean): TableOptions {
  return {
    isWide: values.output === "wide",
    hasHeaders: !values["no-headers"],
    hasNamespace: values["all-namespaces"] && resource.isNamespaced,
    labelColumns: values["label-columns"],
    showsLabels: values["show-labels"],
    ...((isMixed || values["show-kind"]) && { kind: groupKindOf(resource) }),
  };
}

async function watch(
  context: KubeContext,
  values: GetValues,
  targets: readonly Target[],
  printer: ObjectPrinter | undefined,
): Promise<number> {
  const [target] = targets;
  if (target === undefined || new Set(targets.map(({ resource }) => groupResourceOf(resource))).size > 1)
    throw new KubeFailure("error: you may only specify a single resource type");
  const { out } = context;
  const writer = new ColumnWriter((text) => out.write(text));
  const tables = new TablePrinter(writer, tableOptions(values, target, false));
  const events = values["output-watch-events"];
  const show = (type: string, object: KubeFields) => {
    if (printer !== undefined) printer(events ? ({ type, object } as unknown as KubeFields) : object);
    else {
      tables.print(object as unknown as KubeTable, events ? [["EVENT", type.padEnd(8)]] : []);
      writer.flush();
    }
  };
  const accept = printer === undefined ? tableAccept : undefined;
  try {
    await watchObjects(
      context,
      target,
      { accept, isOnlyChanges: values["watch-only"], ...chunks(values) },
      show,
    );
  } catch (error) {
    if (!(values["ignore-not-found"] && isStatus(error, "NotFound"))) throw error;
  }
  return 0;
}
