import { isFault } from "#base/fault.ts";

/** What the runtime answers; undefined when it does not have any more what it was asked about. */
export async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isFault(error, "not-found")) return undefined;
    throw error;
  }
}
