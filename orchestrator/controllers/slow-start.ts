/**
 * Runs `work` so many times, first once, then twice as many at once each time as before, as long as all goes well. So what
 * fails for all of them fails once, not a hundred times.
 *
 * @returns how many went well, and the first failure
 */
export async function slowStart(
  count: number,
  work: (index: number) => Promise<unknown>,
): Promise<{ readonly done: number; readonly error?: unknown }> {
  let done = 0;
  for (let [started, size] = [0, 1]; started < count; size *= 2) {
    const batch = Math.min(size, count - started);
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => work(started + i)));
    started += batch;
    done += results.filter(({ status }) => status === "fulfilled").length;
    for (const result of results) if (result.status === "rejected") return { done, error: result.reason };
  }
  return { done };
}
