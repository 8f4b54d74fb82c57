import type { VolumeProjection } from "#api/kube/types/core-volumes.ts";
import { Fault } from "#base/fault.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";

interface Bundle {
  readonly spec?: { readonly signerName?: string; readonly trustBundle?: string };
}

/** The certificates of a ClusterTrustBundle by name. @throws {Fault} `precondition` when it must be there and is not */
export async function findTrustBundle(
  kube: KubeClient,
  { name, optional = false }: NonNullable<VolumeProjection["clusterTrustBundle"]>,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (name === undefined)
    throw new Fault("not-implemented", "trust bundles by signer are not known to this node");
  const path = `/apis/certificates.k8s.io/v1/clustertrustbundles/${encodeURIComponent(name)}`;
  try {
    const found = await kube.requests.json<Bundle>({ method: "GET", path }, signal);
    return found.spec?.trustBundle;
  } catch (error) {
    signal.throwIfAborted();
    if (optional) return undefined;
    throw new Fault("precondition", `clustertrustbundle "${name}" not found`, { cause: error });
  }
}
