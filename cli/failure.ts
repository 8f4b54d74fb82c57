import { Fault, isFault, messageOf } from "#base/fault.ts";

/** Ends the command with a code of its own; an empty message says nothing. */
export class Exit extends Fault {
  readonly code: number;

  constructor(code: number, message = "") {
    super("internal", message);
    this.code = code;
  }
}

/** Any failure in the words of Docker's tools: what the daemon said is told apart from what we say. */
export function describeFailure(error: unknown): string {
  return isFromDaemon(error) ? `Error response from daemon: ${messageOf(error)}` : messageOf(error);
}

/** Whether the daemon answered with this failure, and did not merely fail to answer. */
export function isFromDaemon(error: unknown): error is Fault {
  return isFault(error) && error.detail["status"] !== undefined;
}
