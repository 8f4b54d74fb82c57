import assert from "node:assert/strict";
import { isFault } from "#base/fault.ts";

/** What the fault says that the work ends with. @throws {AssertionError} when it succeeds; what it throws if that is no fault */
export async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isFault(error)) return error.message;
    throw error;
  }
  throw new assert.AssertionError({ message: "nothing failed" });
}
