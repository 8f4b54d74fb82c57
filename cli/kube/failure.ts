import { isFault, messageOf } from "#base/fault.ts";
import { type Status, StatusError } from "#api/kube/status.ts";
import { Exit } from "../failure.ts";

/** A failure in kubectl's words, whole. */
export class KubeFailure extends Exit {
  constructor(text: string, code = 1) {
    super(code, text);
  }
}

/** Several failures of one command; each is told in a line of its own, without what it is, as kubectl does. */
export class KubeFailures extends Error {
  override readonly name = "KubeFailures";
  readonly all: readonly unknown[];

  constructor(all: readonly unknown[]) {
    super(all.map(messageOf).join("\n"));
    this.all = all;
  }
}

/** Throws nothing for none, one as it is, and more together. */
export function throwAll(all: readonly unknown[]): void {
  if (all.length === 1) throw all[0];
  if (all.length > 1) throw new KubeFailures(all);
}

/** How kubectl tells of a failure; ends without a newline. */
export function describeKubeFailure(error: unknown): string {
  if (error instanceof KubeFailure) return error.message;
  if (error instanceof KubeFailures) return [...new Set(error.all.map(describeOneOfMany))].join("\n");
  if (error instanceof StatusError && error.reason === "Invalid") return describeInvalid(error.status);
  return describeOne(error);
}

function describeOneOfMany(error: unknown): string {
  return describeOne(error).replace(/^error: (?!You must be logged in)/, "");
}

function describeOne(error: unknown): string {
  if (error instanceof StatusError) {
    const { reason, message = "" } = error.status;
    if (reason === "Unauthorized") return `error: You must be logged in to the server (${message})`;
    return reason === undefined
      ? `Error from server: ${message}`
      : `Error from server (${reason}): ${message}`;
  }
  if (isFault(error, "unavailable")) return describeUnavailable(error.message);
  const message = messageOf(error);
  return message.startsWith("error: ") ? message : `error: ${message}`;
}

function describeUnavailable(message: string): string {
  const refused = /https?:\/\/(\S+): .*ECONNREFUSED/.exec(message)?.[1];
  if (refused !== undefined)
    return `The connection to the server ${refused} was refused - did you specify the right host or port?`;
  return `Unable to connect to the server: ${message}`;
}

function describeInvalid({ details, message = "" }: Status): string {
  if (details === undefined) return `The request is invalid${message === "" ? "" : `: ${message}`}`;
  const { kind = "", name = "", causes = [] } = details;
  const isNamed = kind !== "" || name !== "";
  const subject = isNamed ? `The ${kind} ${JSON.stringify(name)} is invalid` : "The request is invalid";
  if (causes.length === 0) return isNamed || message === "" ? subject : `${subject}: ${message}`;
  const lines = [...new Set(causes.map(({ field = "", message: what = "" }) => `${field}: ${what}`))];
  if (lines.length === 1) return `${subject}: ${lines[0]}`;
  return `${subject}: \n${lines.map((line) => `* ${line}`).join("\n")}`;
}
