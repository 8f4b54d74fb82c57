import { Fault } from "#base/fault.ts";

/**
 * Does work that may take so long and no longer.
 *
 * @param complaint says what has not come about by then
 * @throws {Fault} `unavailable` with the complaint
 */
export async function inTime<T>(
  timeoutS: number,
  work: (signal: AbortSignal) => Promise<T>,
  complaint: () => string,
  signal: AbortSignal,
): Promise<T> {
  const late = AbortSignal.timeout(timeoutS * 1000);
  try {
    return await work(AbortSignal.any([signal, late]));
  } catch (error) {
    if (signal.aborted || !late.aborted) throw error;
    throw new Fault("unavailable", complaint());
  }
}
