import type { Container, EphemeralContainer, Pod } from "#api/kube/types/core-pods.ts";
import type { Volume } from "#api/kube/types/core-volumes.ts";
import type { ServiceAccount } from "#api/kube/types/core.ts";
import type { Admission, AdmissionPlugin } from "./plugin.ts";
import { isMirror, podReferences } from "#orchestrator/authz/pod-references.ts";
import { type AdmissionDeps, findFresh, isCreate, type Mutable, objectOf, refuse } from "./support.ts";

export interface ServiceAccountDeps extends AdmissionDeps {
  /** `k9x2b`: letters of a generated name. */
  readonly newSuffix: () => string;
}

const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const volumePrefix = "kube-api-access-";
/** Nodes renew a token that lives this long; see planClaims. */
const TOKEN_S = 3607;
/** A namespace that has just been made gets its default account in this time. */
const DEFAULT_ACCOUNT_MS = 1500;

/** Gives pods an account, its token as a volume, and its pull secrets. */
export function serviceAccount(deps: ServiceAccountDeps): AdmissionPlugin {
  return {
    name: "ServiceAccount",
    async admit(request, signal) {
      if (!isCreate(request, "pods")) return;
      const pod = objectOf<Pod>(request);
      if (isMirror(pod as Pod)) return checkMirror(request, pod as Pod);
      pod.spec.serviceAccountName ||= pod.spec.serviceAccount || "default";
      pod.spec.serviceAccount = pod.spec.serviceAccountName;
      const account = await getAccount(deps, request, pod.spec.serviceAccountName, signal);
      const mounts = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
      if (mounts) mountToken(deps, pod);
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0)
        pod.spec.imagePullSecrets = structuredClone(account.imagePullSecrets) as Mutable<
          NonNullable<ServiceAccount["imagePullSecrets"]>
        >;
    },
    async validate(request, signal) {
      if (
        !isCreate(request, "pods") &&
        !(request.operation === "UPDATE" && request.subresource === "ephemeralcontainers")
      )
        return;
      const pod = objectOf<Pod>(request) as Pod;
      if (isMirror(pod)) return;
      const account = await getAccount(deps, request, pod.spec.serviceAccountName ?? "default", signal);
      checkMountable(request, pod, account);
    },
  };
}

function checkMirror(request: Admission, pod: Pod): void {
  if ((pod.spec.serviceAccountName ?? "") !== "")
    throw refuse(request, "a mirror pod may not reference service accounts");
  if (podReferences(pod, "secrets").length > 0)
    throw refuse(request, "a mirror pod may not reference secrets");
  if (
    (pod.spec.volumes ?? []).some(({ projected }) =>
      (projected?.sources ?? []).some((one) => one.serviceAccountToken !== undefined),
    )
  )
    throw refuse(request, "a mirror pod may not use ServiceAccountToken volume projections");
}

async function getAccount(
  deps: AdmissionDeps,
  request: Admission,
  name: string,
  signal: AbortSignal,
): Promise<ServiceAccount> {
  const { namespace = "" } = request;
  const found =
    (await findFresh<ServiceAccount>(deps, "serviceaccounts", namespace, name, signal)) ??
    (name === "default" ? await awaitAccount(deps, namespace, name, signal) : undefined);
  if (found !== undefined) return found;
  throw refuse(
    request,
    `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
  );
}

/** A controller makes it, soon after the namespace. */
async function awaitAccount(
  { objects }: AdmissionDeps,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<ServiceAccount | undefined> {
  const { promise, resolve } = Promise.withResolvers<ServiceAccount | undefined>();
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEFAULT_ACCOUNT_MS)]);
  const give = () => resolve(undefined);
  deadline.addEventListener("abort", give, { once: true });
  using _watch = objects.onChange<ServiceAccount>("serviceaccounts", (account) => {
    if (account?.metadata.namespace === namespace && account.metadata.name === name) resolve(account);
  });
  // It may have come while nobody listened.
  const here = objects.find<ServiceAccount>("serviceaccounts", namespace, name);
  if (here !== undefined) resolve(here);
  const found = await promise;
  deadline.removeEventListener("abort", give);
  signal.throwIfAborted();
  return found;
}

function mountToken({ newSuffix }: ServiceAccountDeps, pod: Mutable<Pod>): void {
  const volumes = (pod.spec.volumes ??= []);
  const known = volumes.find(({ name }) => name.startsWith(volumePrefix))?.name;
  const name = known ?? `${volumePrefix}${newSuffix()}`;
  let isUsed = false;
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
    isUsed = mountAt(container, name) || isUsed;
  if (isUsed && known === undefined) volumes.push(tokenVolume(name) as Mutable<Volume>);
}

/** Whether it had nothing there before. */
function mountAt(container: Mutable<Container>, name: string): boolean {
  const mounts = (container.volumeMounts ??= []);
  if (mounts.some(({ mountPath }) => mountPath === tokenPath)) return false;
  mounts.push({ name, readOnly: true, mountPath: tokenPath });
  return true;
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_S, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}

/** An account may say that its pods use no other secrets than it lists. */
function checkMountable(request: Admission, pod: Pod, account: ServiceAccount): void {
  if (account.metadata.annotations?.["kubernetes.io/enforce-mountable-secrets"] !== "true") return;
  const allowed = new Set((account.secrets ?? []).map(({ name }) => name));
  const who = `service account with name ${JSON.stringify(account.metadata.name)}`;
  for (const { secret } of pod.spec.volumes ?? [])
    if (secret?.secretName !== undefined && !allowed.has(secret.secretName))
      throw refuse(
        request,
        `volume with secret.secretName=${JSON.stringify(secret.secretName)} is not allowed because ${who} does not reference that secret`,
      );
  const containers: readonly (Container | EphemeralContainer)[] = [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
    ...(pod.spec.ephemeralContainers ?? []),
  ];
  for (const container of containers)
    for (const { name, valueFrom } of container.env ?? []) {
      const secret = valueFrom?.secretKeyRef?.name;
      if (secret !== undefined && !allowed.has(secret))
        throw refuse(
          request,
          `container ${container.name} with envVar ${name} referencing secret.secretName=${JSON.stringify(secret)} is not allowed because ${who} does not reference that secret`,
        );
    }
  const pulls = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  for (const [index, { name }] of (pod.spec.imagePullSecrets ?? []).entries())
    if (!pulls.has(name))
      throw refuse(
        request,
        `imagePullSecrets[${index}].name=${JSON.stringify(name)} is not allowed because ${who} does not reference that imagePullSecret`,
      );
}
