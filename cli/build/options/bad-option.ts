import { Fault } from "#base/fault.ts";

/** What was said makes no sense: told before anything begins, where other failures are those of a build. */
export function badOption(message: string): Fault {
  return new Fault("invalid", message, { detail: { isOption: 1 } });
}

export function isBadOption(error: unknown): boolean {
  return error instanceof Fault && error.detail["isOption"] !== undefined;
}
