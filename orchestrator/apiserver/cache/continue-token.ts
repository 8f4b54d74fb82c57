import { failure } from "#api/kube/status.ts";
import type { Revision } from "#orchestrator/storage/store.ts";

export interface Continuation {
  /** -1: as it is then. */
  readonly revision: Revision;
  /** The key behind which it goes on, without the resource's prefix. */
  readonly after: string;
}

/** Where a list goes on, for the client to hand back. */
export function formatContinue({ revision, after }: Continuation): string {
  const token = { v: "meta.k8s.io/v1", rv: revision, start: `${after}\0` };
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

/** @throws {StatusError} `BadRequest` */
export function parseContinue(text: string): Continuation {
  let token: { readonly v?: unknown; readonly rv?: unknown; readonly start?: unknown };
  try {
    token = JSON.parse(Buffer.from(text, "base64url").toString()) as typeof token;
  } catch {
    throw invalid("continue key is not valid: it is not JSON in base64");
  }
  if (token?.v !== "meta.k8s.io/v1")
    throw invalid(
      `continue key is not valid: server does not recognize this encoded version "${String(token?.v)}"`,
    );
  const { rv, start } = token;
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || (rv < 1 && rv !== -1))
    throw invalid(
      `continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)`,
    );
  if (typeof start !== "string" || start === "" || start.split("/").includes(".."))
    throw invalid(`continue key is not valid: encoded start key empty (version meta.k8s.io/v1)`);
  return { revision: rv, after: start.replace(/\0$/, "").replace(/^\//, "") };
}

function invalid(message: string) {
  return failure("BadRequest", `continue token: ${message}`);
}
