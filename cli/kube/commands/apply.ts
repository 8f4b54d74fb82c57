import { isStatus } from "#api/kube/status.ts";
import { bool, text, type FlagTable, type FlagValues } from "../../flags.ts";
import { applyOnClient, type Applied, type ApplyDeps } from "../apply/client-side.ts";
import { applyOnServer, clientSideManager, serverSideManager } from "../apply/server-side.ts";
import { selectManifests } from "../select-manifests.ts";
import { dryRunFlags, parseDryRun, parseValidation, validateFlags } from "../dry-run.ts";
import { KubeFailure, throwAll } from "../failure.ts";
import { readManifests } from "../manifests.ts";
import { outputFlags } from "../print/choose-printer.ts";
import { resultPrinter } from "../print/result-printer.ts";
import { defineKubeCommand } from "../session.ts";
import { manifestTarget, type ObjectTarget, targetFlags } from "../targets.ts";
import { groupResourceOf } from "../discovery.ts";

const flags = {
  ...targetFlags,
  ...outputFlags,
  ...dryRunFlags,
  ...validateFlags,
  "server-side": bool("Let the server merge, and keep who manages which field"),
  "force-conflicts": bool("Take fields over from their managers (with --server-side)"),
  "field-manager": text("NAME", "Who manages the fields"),
  subresource: text("NAME", "Apply to this subresource (with --server-side)"),
  force: bool("Delete and make anew what cannot be changed"),
} as const satisfies FlagTable;

type ApplyValues = FlagValues<typeof flags>;

export const apply = defineKubeCommand({
  usage: "-f FILE [flags]",
  about: "Makes objects, or changes them, to what files say, as kubectl apply does; both may take turns.",
  flags,
  operands: [0, 0],
  examples: [
    ["gantry apply -f web.yaml", "make or change what the file has"],
    ["gantry apply -f manifests/ -R --dry-run=server", "see what folders of files would do"],
    ["gantry apply --server-side -f web.yaml", "let the server merge"],
  ],
  async run(context, values) {
    const { kube, signal, out } = context;
    if (values.filename.length === 0) throw new KubeFailure("error: must specify one of -f and -k");
    checkFlags(values);
    const dryRun = parseDryRun(values["dry-run"]);
    const isServerSide = values["server-side"];
    const deps: ApplyDeps = {
      context,
      dryRun,
      isForced: values.force,
      schemas: new Map(),
      how: {
        fieldManager: values["field-manager"] ?? (isServerSide ? serverSideManager : clientSideManager),
        isDryRun: dryRun === "server",
        validation: parseValidation(values.validate),
      },
    };
    const options = { force: values["force-conflicts"], subresource: values.subresource };
    const applyOne = (target: ObjectTarget): Promise<Applied> =>
      isServerSide ? applyOnServer(deps, target, options) : applyOnClient(deps, target);
    const results = resultPrinter(values, dryRun, true, (written) => out.write(written));
    const problems: unknown[] = [];
    const manifests = selectManifests(
      await readManifests(values.filename, values.recursive, (problem) => problems.push(problem), signal),
      values.selector,
    );
    if (manifests.length === 0 && problems.length === 0)
      throw new KubeFailure("error: no objects passed to apply");
    for (const manifest of manifests) {
      try {
        const target = manifestTarget(kube, await kube.discovery(), manifest);
        checkName(target);
        const { verb, object } = await applyOne(target);
        warnIfDeleting(target, object.metadata?.["deletionTimestamp"], (written) =>
          context.err.write(written),
        );
        results.print(target, verb, object);
      } catch (error) {
        signal.throwIfAborted();
        problems.push(error);
        if (isStatus(error, "Unauthorized")) break;
      }
    }
    throwAll(problems);
    results.end();
    return 0;
  },
});

function checkFlags(values: ApplyValues): void {
  const isServerSide = values["server-side"];
  if (values["force-conflicts"] && !isServerSide)
    throw new KubeFailure("error: --force-conflicts only works with --server-side");
  if (isServerSide && parseDryRun(values["dry-run"]) === "client")
    throw new KubeFailure(
      "error: --dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)",
    );
  if (values.force && isServerSide) throw new KubeFailure("error: --force cannot be used with --server-side");
  if (values.force && parseDryRun(values["dry-run"]) === "server")
    throw new KubeFailure("error: --dry-run=server cannot be used with --force");
  if (values.subresource !== undefined && !isServerSide)
    throw new KubeFailure("error: --subresource can only be specified for --server-side");
}

function checkName({ name, manifest, resource }: ObjectTarget): void {
  const { generateName } = manifest?.object.metadata ?? {};
  if (name !== "") return;
  if (generateName !== undefined)
    throw new KubeFailure(`error: from ${generateName}: cannot use generate name with apply`);
  throw new KubeFailure(
    `error: error when retrieving current configuration of: ${groupResourceOf(resource)}: resource name may not be empty`,
  );
}

function warnIfDeleting(
  { resource, name }: ObjectTarget,
  since: unknown,
  write: (text: string) => void,
): void {
  if (since === undefined) return;
  write(
    `Warning: Detected changes to resource ${groupResourceOf(resource)}/${name} which is currently being deleted.\n`,
  );
}
