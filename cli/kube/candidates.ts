import type { Context } from "../context.ts";
import { openKube, type SessionValues } from "./session.ts";
import { readObjects } from "./read-objects.ts";
import type { Kube } from "./session.ts";
import type { ServedResource } from "./discovery.ts";

const patienceMs = 2000;

/** Names for the completion of TYPE, NAME and TYPE/NAME. */
export async function kubeCandidates(
  kind: "kube-type" | "kube-object",
  context: Context,
  values: SessionValues,
  operands: readonly string[],
  last: string,
): Promise<readonly string[]> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patienceMs)]);
  await using kube = await openKube({ ...context, signal }, values);
  const discovery = await kube.discovery();
  const slash = last.indexOf("/");
  if (slash > 0) {
    const type = last.slice(0, slash);
    return (await namesOf(kube, discovery.get(type), signal)).map((name) => `${type}/${name}`);
  }
  if (kind === "kube-type") return discovery.all.map(({ resource }) => resource);
  const [type] = operands;
  return await namesOf(kube, discovery.get(type?.includes("/") === false ? type : "pods"), signal);
}

async function namesOf(
  kube: Kube,
  resource: ServedResource,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const where = resource.isNamespaced ? { namespace: kube.namespace } : {};
  const list = { is: "list", resource, ...where, labelSelector: "", fieldSelector: "" } as const;
  return (await readObjects(kube, list, {}, signal)).map(({ metadata }) => metadata?.name ?? "");
}
