/** How a remote command ended, as Kubernetes' clients read it. @see Kubernetes, meta/v1 Status */
export interface RemoteStatus {
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes: readonly { readonly reason: string; readonly message: string }[] };
  readonly code?: number;
}

/** Of a process that ended by itself. */
export function exitStatus(exitCode: number): RemoteStatus {
  if (exitCode === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(exitCode) }] },
  };
}

/** Of one that could not be run. */
export function failureStatus(message: string): RemoteStatus {
  return {
    metadata: {},
    status: "Failure",
    message: `Internal error occurred: ${message}`,
    reason: "InternalError",
    details: { causes: [{ reason: "", message }] },
    code: 500,
  };
}

/** What such a status says; undefined for a command that has not run to its end. */
export function exitCodeOf(status: RemoteStatus): number | undefined {
  if (status.status === "Success") return 0;
  const cause = status.details?.causes.find(({ reason }) => reason === "ExitCode");
  return cause === undefined ? undefined : Number(cause.message);
}
