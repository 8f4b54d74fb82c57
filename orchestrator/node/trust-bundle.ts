import type { VolumeProjection } from "#api/kube/types/core-volumes.ts";
import { Fault } from "#base/fault.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import { isStatus } from "#api/kube/status.ts";
import { formatLabelSelector, requirementsOf } from "#orchestrator/machinery/label-selector.ts";

interface Bundle {
  readonly spec?: { readonly signerName?: string; readonly trustBundle?: string };
}

type Wanted = NonNullable<VolumeProjection["clusterTrustBundle"]>;

const collection = "/apis/certificates.k8s.io/v1/clustertrustbundles";

/**
 * The certificates of a ClusterTrustBundle, or of all of a signer's that a selector selects, each once.
 *
 * @throws {Fault} `precondition` when there must be some and are none
 */
export async function findTrustBundle(
  kube: KubeClient,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<string> {
  const { name, signerName = "", optional = false } = wanted;
  const bundles =
    name === undefined ? await ofSigner(kube, wanted, signal) : await ofName(kube, name, signal);
  if (bundles.length > 0 || optional) return certificatesOf(bundles);
  if (name !== undefined) throw new Fault("precondition", `clustertrustbundle "${name}" not found`);
  throw new Fault(
    "precondition",
    `combination of signerName and labelSelector matched zero ClusterTrustBundles: signerName="${signerName}"`,
  );
}

async function ofName(kube: KubeClient, name: string, signal: AbortSignal): Promise<readonly Bundle[]> {
  const path = `${collection}/${encodeURIComponent(name)}`;
  try {
    return [await kube.requests.json<Bundle>({ method: "GET", path }, signal)];
  } catch (error) {
    if (isStatus(error, "NotFound")) return [];
    throw error;
  }
}

/** A selector that is not there selects nothing, an empty one everything. */
async function ofSigner(
  kube: KubeClient,
  { signerName = "", labelSelector }: Wanted,
  signal: AbortSignal,
): Promise<readonly Bundle[]> {
  const requirements = requirementsOf(labelSelector);
  if (requirements === undefined) return [];
  const query = { labelSelector: formatLabelSelector(requirements) };
  const request = { method: "GET", path: collection, query } as const;
  const { items } = await kube.requests.json<{ readonly items: readonly Bundle[] }>(request, signal);
  return items.filter(({ spec }) => spec?.signerName === signerName);
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function certificatesOf(bundles: readonly Bundle[]): string {
  const all = bundles.flatMap(({ spec }) => spec?.trustBundle?.match(certificate) ?? []);
  return [...new Set(all)].map((one) => `${one}\n`).join("");
}
