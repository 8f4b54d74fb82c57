import { isStatus } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import { KubeFailure } from "../failure.ts";
import type { KubeFields } from "../manifests.ts";
import type { ObjectTarget } from "../targets.ts";
import { patchObject } from "../write-object.ts";
import { type Applied, type ApplyDeps, lastApplied, withNamespace } from "./client-side.ts";

/** Who applies on the server; the same name as kubectl's, so that both can take turns. */
export const serverSideManager = "kubectl";
export const clientSideManager = "kubectl-client-side-apply";
const annotationManager = "kubectl-last-applied";

const howToResolve = `Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the \`--force-conflicts\` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts`;

export interface ServerSideOptions {
  readonly force: boolean;
  readonly subresource: string | undefined;
}

/**
 * Has the server make of an object what its file says. What was applied on the client's side before becomes the server-side
 * manager's, so that what leaves the file goes away.
 *
 * @throws {KubeFailure} for conflicts
 */
export async function applyOnServer(
  deps: ApplyDeps,
  target: ObjectTarget,
  options: ServerSideOptions,
): Promise<Applied> {
  const { kube, signal, err } = deps.context;
  const body = withNamespace(target.manifest?.object ?? {}, target);
  const apply = () => patchObject(kube, target, { type: "apply", body, ...options }, deps.how, signal);
  let object = await apply().catch((error: unknown) => {
    if (isStatus(error, "Conflict")) throw new KubeFailure(`error: ${error.message}\n${howToResolve}`);
    throw error;
  });
  if (options.subresource !== undefined || deps.how.isDryRun) return { verb: "serverside-applied", object };
  try {
    object = await keepAnnotation(deps, target, object);
    if (await migrate(deps, target, object)) object = await apply();
  } catch (error) {
    signal.throwIfAborted();
    err.write(
      `Warning: server rejected managed fields migration to Server-Side Apply. This is non-fatal and will be retried next time you apply. Error: ${messageOf(error)}\n`,
    );
  }
  return { verb: "serverside-applied", object };
}

interface Managed {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
  readonly [other: string]: unknown;
}

function managedOf({ metadata }: KubeFields): readonly Managed[] {
  return (metadata?.["managedFields"] ?? []) as readonly Managed[];
}

/** The annotation of applies on the client's side stays, with a manager of its own. */
async function keepAnnotation(
  deps: ApplyDeps,
  target: ObjectTarget,
  object: KubeFields,
): Promise<KubeFields> {
  const { kube, signal } = deps.context;
  const text = object.metadata?.annotations?.[lastApplied];
  if (text === undefined || deps.how.fieldManager !== serverSideManager) return object;
  const path = ["f:metadata", "f:annotations", `f:${lastApplied}`];
  const owns = ({ operation, fieldsV1 }: Managed) =>
    operation === "Apply" &&
    path.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), fieldsV1) !== undefined;
  if (managedOf(object).some(owns)) return object;
  const { apiVersion, kind, metadata: { name, namespace } = {} } = object;
  const metadata = {
    name,
    ...(namespace !== undefined && { namespace }),
    annotations: { [lastApplied]: text },
  };
  const how = { ...deps.how, fieldManager: annotationManager };
  return await patchObject(
    kube,
    target,
    { type: "apply", body: { apiVersion, kind, metadata } },
    how,
    signal,
  );
}

/** Gives what applies on the client's side own to the server-side manager. @returns whether there was something */
async function migrate(deps: ApplyDeps, target: ObjectTarget, object: KubeFields): Promise<boolean> {
  const { kube, signal } = deps.context;
  const all = managedOf(object);
  const isOld = ({ manager, operation, subresource = "" }: Managed) =>
    manager === clientSideManager && operation === "Update" && subresource === "";
  const isNew = ({ manager, operation, subresource = "" }: Managed) =>
    manager === deps.how.fieldManager && operation === "Apply" && subresource === "";
  const old = all.filter(isOld);
  const own = all.find(isNew);
  if (old.length === 0 || own === undefined) return false;
  const fieldsV1 = old.reduce((sum, { fieldsV1: more = {} }) => union(sum, more), own.fieldsV1 ?? {});
  const managedFields = all
    .filter((one) => !isOld(one))
    .map((one) => (one === own ? { ...own, fieldsV1 } : one));
  const body = [
    { op: "replace", path: "/metadata/managedFields", value: managedFields },
    { op: "replace", path: "/metadata/resourceVersion", value: object.metadata?.resourceVersion },
  ];
  await patchObject(kube, target, { type: "json", body }, deps.how, signal);
  return true;
}

/** Sets of fields are trees: their union has the branches of both. */
function union(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const all: Record<string, unknown> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const own = all[key];
    all[key] = isObject(own) && isObject(value) ? union(own, value) : value;
  }
  return all;
}
