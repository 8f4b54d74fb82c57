import { ignoreNotFound } from "#api/kube/status.ts";
import type { SubjectAccessReview } from "#api/kube/types/authorization.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "#api/kube/types/certificates.ts";
import { isFault } from "#base/fault.ts";
import { certificateSigningRequests, nodes, subjectAccessReviews } from "#client/kube/resources.ts";
import type { Issuer } from "#host/x509/certificate.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { timeText } from "#orchestrator/machinery/time-text.ts";
import type { ControllerDeps, StartController } from "../controller-deps.ts";
import { planApproval } from "./approve.ts";
import { removalOf, signRequest } from "./sign.ts";
import { isOwnSigner } from "./signers.ts";

/** Approves nodes' requests for certificates, signs what is approved for the cluster's own signers, and removes what has served. */
export function certificateController(issuer: () => Issuer): StartController {
  return async (deps, signal) => {
    const requests = deps.informers.of(certificateSigningRequests);
    const known = deps.informers.of(nodes);
    const controller = {
      name: "certificate-controller",
      async reconcile(name: string, signal: AbortSignal): Promise<Again | undefined> {
        const request = requests.cache.get(name);
        if (request === undefined || request.metadata.deletionTimestamp !== undefined) return undefined;
        const removal = removalOf(request);
        const leftMs = removal === undefined ? undefined : removal - deps.timers.now();
        if (leftMs !== undefined && leftMs <= 0) return await remove(deps, name, signal);
        await advance(deps, request, (node) => known.cache.get(node), issuer(), signal);
        return leftMs === undefined ? undefined : { afterMs: leftMs };
      },
    };
    const ready = Promise.all([requests.synced(signal), known.synced(signal)]);
    const { queue, ended } = runController(deps, controller, signal, { ready });
    const look = ({ metadata }: CertificateSigningRequest) => queue.add(metadata.name ?? "");
    requests.handle({ added: look, updated: look });
    await ended;
  };
}

async function remove({ kube }: ControllerDeps, name: string, signal: AbortSignal): Promise<undefined> {
  await kube.of(certificateSigningRequests).delete({ name }, {}, signal).catch(ignoreNotFound);
}

async function advance(
  deps: ControllerDeps,
  request: CertificateSigningRequest,
  findNode: Parameters<typeof planApproval>[1],
  issuer: Issuer,
  signal: AbortSignal,
): Promise<void> {
  if ((request.status?.certificate ?? "") !== "" || !isOwnSigner(request.spec.signerName)) return;
  const has = (type: string) => (request.status?.conditions ?? []).some((one) => one.type === type);
  if (has("Denied") || has("Failed")) return;
  if (has("Approved")) await sign(deps, request, issuer, signal);
  else await approve(deps, request, findNode, signal);
}

async function approve(
  deps: ControllerDeps,
  request: CertificateSigningRequest,
  findNode: Parameters<typeof planApproval>[1],
  signal: AbortSignal,
): Promise<void> {
  const plan = planApproval(request, findNode);
  if (plan === undefined) return;
  if (plan.permission !== undefined && !(await mayHave(deps, request, plan.permission, signal))) return;
  const approved = withCondition(deps, request, {
    type: "Approved",
    status: "True",
    reason: "AutoApproved",
    message: plan.message,
  });
  const ref = { name: request.metadata.name ?? "" };
  await deps.kube.of(certificateSigningRequests).updateSubresource(ref, "approval", approved, signal);
}

async function mayHave(
  { kube }: ControllerDeps,
  { spec }: CertificateSigningRequest,
  subresource: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { username, uid, groups, extra } = spec;
  const review: SubjectAccessReview = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    metadata: {},
    spec: {
      ...(username !== undefined && { user: username }),
      ...(uid !== undefined && { uid }),
      ...(groups !== undefined && { groups }),
      ...(extra !== undefined && { extra }),
      resourceAttributes: {
        group: "certificates.k8s.io",
        resource: "certificatesigningrequests",
        verb: "create",
        subresource,
      },
    },
  };
  return (await kube.of(subjectAccessReviews).create(review, signal)).status?.allowed === true;
}

async function sign(
  deps: ControllerDeps,
  request: CertificateSigningRequest,
  issuer: Issuer,
  signal: AbortSignal,
): Promise<void> {
  const client = deps.kube.of(certificateSigningRequests);
  try {
    const pem = signRequest(request, issuer, new Date(deps.timers.now()));
    const certificate = Buffer.from(pem).toString("base64");
    await client.updateStatus({ ...request, status: { ...request.status, certificate } }, signal);
  } catch (error) {
    if (!isFault(error, "invalid")) throw error;
    const failed = withCondition(deps, request, {
      type: "Failed",
      status: "True",
      reason: "SignerValidationFailure",
      message: error.message,
    });
    await client.updateStatus(failed, signal);
  }
}

function withCondition(
  { timers }: ControllerDeps,
  request: CertificateSigningRequest,
  condition: CertificateSigningRequestCondition,
): CertificateSigningRequest {
  const now = timeText(timers.now());
  const conditions = [
    ...(request.status?.conditions ?? []),
    { ...condition, lastUpdateTime: now, lastTransitionTime: now },
  ];
  return { ...request, status: { ...request.status, conditions } };
}
