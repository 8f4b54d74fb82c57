import { isStatus, StatusError } from "#api/kube/status.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { goMapJson } from "#orchestrator/machinery/go-text.ts";
import { applyMergePatch } from "#orchestrator/machinery/merge-patch.ts";
import type { Context } from "../../context.ts";
import { deleteObject, untilGone } from "../delete-object.ts";
import type { ServedResource } from "../discovery.ts";
import type { DryRun } from "../dry-run.ts";
import { groupResourceOf } from "../discovery.ts";
import type { KubeFields } from "../manifests.ts";
import type { Kube } from "../session.ts";
import type { ObjectTarget } from "../targets.ts";
import {
  createObject,
  findLiveObject,
  getObject,
  patchObject,
  type Patch,
  withSource,
  type WriteHow,
} from "../write-object.ts";
import { findPatchSchema, type PatchSchema } from "./patch-schema.ts";
import { mergePatch, strategicPatch, type ThreeWays, withoutNulls } from "./three-way.ts";

export const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export interface Applied {
  readonly verb: "created" | "configured" | "unchanged" | "serverside-applied";
  readonly object: KubeFields;
}

export interface ApplyDeps {
  readonly context: Context & { readonly kube: Kube };
  readonly how: WriteHow;
  readonly dryRun: DryRun;
  /** Deletes and makes anew what cannot be patched. */
  readonly isForced: boolean;
  /** Of each resource, read once. */
  readonly schemas: Map<ServedResource, Promise<PatchSchema | undefined>>;
}

const mostAttempts = 5;
const attemptsAtOnce = 1;
const retryMs = 1000;

/**
 * Makes or changes an object as its file says: what was in the file the last time and is not any more goes away, what others set
 * stays. That file is kept in an annotation of the object, which is the same as kubectl's.
 *
 * @throws {StatusError}
 */
export async function applyOnClient(deps: ApplyDeps, target: ObjectTarget): Promise<Applied> {
  const { kube, signal, err } = deps.context;
  const manifest = target.manifest?.object ?? {};
  const modified = withAnnotation(withNamespace(manifest, target));
  const source = target.manifest?.source;
  const current = await findLiveObject(kube, target, signal);
  if (current === undefined) return { verb: "created", object: await create(deps, target, modified) };
  if (current.metadata?.annotations?.[lastApplied] === undefined)
    err.write(
      `Warning: resource ${groupResourceOf(target.resource)}/${target.name} is missing the ${lastApplied} annotation which is required by gantry apply. gantry apply should only be used on resources created declaratively by either gantry create --save-config or gantry apply. The missing annotation will be patched automatically.\n`,
    );
  try {
    return await change(deps, target, modified, current);
  } catch (error) {
    const isFixable = isStatus(error, "Conflict") || isStatus(error, "Invalid");
    if (!deps.isForced || !isFixable) throw withSource("patching", source, error);
    return { verb: "configured", object: await replace(deps, target, modified, current) };
  }
}

async function create(deps: ApplyDeps, target: ObjectTarget, modified: KubeFields): Promise<KubeFields> {
  const { kube, signal } = deps.context;
  const object = withoutNulls(modified) as KubeFields;
  if (deps.dryRun === "client") return object;
  try {
    return await createObject(kube, target, object, deps.how, signal);
  } catch (error) {
    throw withSource("creating", target.manifest?.source, error);
  }
}

async function change(
  deps: ApplyDeps,
  target: ObjectTarget,
  modified: KubeFields,
  first: KubeFields,
): Promise<Applied> {
  const { kube, signal } = deps.context;
  let current = first;
  for (let attempt = 1; ; attempt++) {
    const ways = { original: originalOf(current), modified, current };
    const patch = await patchFor(deps, target, ways);
    if (Object.keys(patch.body as object).length === 0) return { verb: "unchanged", object: current };
    if (deps.dryRun === "client")
      return { verb: "configured", object: applyMergePatch(current, mergePatch(ways)) as KubeFields };
    try {
      return { verb: "configured", object: await patchObject(kube, target, patch, deps.how, signal) };
    } catch (error) {
      if (!isStatus(error, "Conflict") || attempt > mostAttempts) throw error;
    }
    if (attempt > attemptsAtOnce) await sleep(retryMs, undefined, { signal });
    current = await getObject(kube, target, signal);
  }
}

async function patchFor(
  deps: ApplyDeps,
  { resource }: ObjectTarget,
  ways: ThreeWays<KubeFields>,
): Promise<Patch> {
  const { kube, signal } = deps.context;
  const known = deps.schemas.get(resource) ?? findPatchSchema(kube, resource, signal);
  deps.schemas.set(resource, known);
  const schema = await known;
  if (schema === undefined) return { type: "merge", body: mergePatch(ways) };
  return { type: "strategic", body: strategicPatch(ways, schema) };
}

function originalOf({ metadata }: KubeFields): KubeFields | undefined {
  const text = metadata?.annotations?.[lastApplied];
  return text === undefined ? undefined : (JSON.parse(text) as KubeFields);
}

/** Deletes what cannot become what it should, and makes it anew; what was there comes back when that fails. */
async function replace(
  deps: ApplyDeps,
  target: ObjectTarget,
  modified: KubeFields,
  current: KubeFields,
): Promise<KubeFields> {
  const { kube, signal } = deps.context;
  await deleteObject(kube, target, { propagationPolicy: "Background" }, false, signal);
  await untilGone(kube, target, current.metadata?.uid, signal);
  try {
    return await createObject(kube, target, withoutNulls(modified) as KubeFields, deps.how, signal);
  } catch (error) {
    const { resourceVersion: _version, uid: _uid, ...metadata } = current.metadata ?? {};
    await createObject(kube, target, { ...current, metadata }, deps.how, signal);
    if (!(error instanceof StatusError)) throw error;
    throw withSource("replacing", target.manifest?.source, error);
  }
}

export function withNamespace(object: KubeFields, { namespace }: ObjectTarget): KubeFields {
  return namespace === undefined ? object : { ...object, metadata: { ...object.metadata, namespace } };
}

/** The object with itself, as it is without, in the annotation. */
function withAnnotation(object: KubeFields): KubeFields {
  const { [lastApplied]: _, ...annotations } = object.metadata?.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${goMapJson(plain)}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [lastApplied]: text } } };
}
