/**
 * What `use` makes of the first of the paths that is there.
 *
 * @throws what `use` throws for the first that is there; the last one's `ENOENT` when none is
 */
export async function firstThere<Result>(
  paths: readonly string[],
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const [path = "", ...others] = paths;
  try {
    return await use(path);
  } catch (error) {
    if (others.length === 0 || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return await firstThere(others, use);
  }
}
