import { isFault, messageOf } from "#base/fault.ts";
import type { DockerClient } from "#client/docker-client.ts";
import { type GateOptions, startAndWatch } from "./gate.ts";
import { type Original, sameSettings } from "./same-settings.ts";

/** What the names of containers in the middle of an update end in. They are all that is remembered of it. */
export const suffixes = { fresh: ".gantry-new", old: ".gantry-old" } as const;

export interface RollOverDeps {
  readonly client: DockerClient;
  readonly gate: GateOptions;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/**
 * Puts a container of the image's present meaning in the place of a running one: the new one is made beside it, the old one is
 * stopped and renamed, the new one gets its name and is started. When it is good the old one is removed, otherwise the new one is,
 * and the old one runs again. Stopped between any two steps, {@link settle} finishes it or takes it back.
 *
 * Resolves to whether the new one runs.
 */
export async function rollOver(deps: RollOverDeps, original: Original, imageId: string): Promise<boolean> {
  const { client, signal } = deps;
  const name = original.Name.replace(/^\//, "");
  const [fresh, old] = [name + suffixes.fresh, name + suffixes.old];
  const oldImage = await imageConfigOf(
    client,
    (original as Original & { readonly Image: string }).Image,
    signal,
  );
  const { Id } = await client.createContainer(fresh, sameSettings(original, oldImage, imageId), signal);
  try {
    await client.stopContainer(original.Id, {}, signal);
    await client.renameContainer(original.Id, old, signal);
    await client.renameContainer(Id, name, signal);
  } catch (error) {
    await restore(deps, name, original.Id, Id);
    throw error;
  }
  return await finish(deps, name, original.Id, Id);
}

/** The new one has the name. @returns whether it was good */
async function finish(deps: RollOverDeps, name: string, oldId: string, freshId: string): Promise<boolean> {
  const { client, gate, signal, say } = deps;
  try {
    await startAndWatch(client, freshId, gate, signal);
  } catch (error) {
    await restore(deps, name, oldId, freshId);
    signal.throwIfAborted();
    say(`${name}: rolled back: the new container is no good: ${messageOf(error)}`);
    return false;
  }
  // Its volumes are the new one's too.
  await client.removeContainer(oldId, signal, { force: true, volumes: false });
  return true;
}

const RESTORE_TIMEOUT_MS = 60_000;

/** As it was before. Has a deadline of its own: an update that is stopped is taken back too. */
async function restore(
  { client }: RollOverDeps,
  name: string,
  oldId: string,
  freshId: string | undefined,
): Promise<void> {
  const signal = AbortSignal.timeout(RESTORE_TIMEOUT_MS);
  if (freshId !== undefined) await client.removeContainer(freshId, signal, { force: true, volumes: false });
  const { Name } = await client.inspectContainer(oldId, signal);
  if (Name !== `/${name}`) await client.renameContainer(oldId, name, signal);
  await client.startContainer(oldId, signal);
}

/** Finishes, or takes back, what earlier updates left in the middle. */
export async function settle(deps: RollOverDeps): Promise<void> {
  const { client, signal, say } = deps;
  const containers = await client.listContainers({ all: true }, signal);
  const byName = new Map(
    containers.flatMap(({ Id, Names }) => Names.map((one) => [one.slice(1), Id] as const)),
  );
  const left = Array.from(byName.keys(), (name) => {
    const suffix = [suffixes.fresh, suffixes.old].find((one) => name.endsWith(one));
    return suffix === undefined ? undefined : name.slice(0, -suffix.length);
  });
  for (const name of new Set(left.filter((one) => one !== undefined))) {
    const [current, fresh, old] = [name, name + suffixes.fresh, name + suffixes.old].map((one) =>
      byName.get(one),
    );
    if (old !== undefined && current !== undefined) {
      // The new one has the name: whether it is good was not known yet.
      const isGood = await finish(deps, name, old, current);
      say(`${name}: an update that was interrupted is ${isGood ? "finished" : "taken back"}`);
    } else {
      const survivor = old ?? current;
      if (survivor === undefined)
        await client.removeContainer(fresh ?? "", signal, { force: true, volumes: false });
      else await restore(deps, name, survivor, fresh);
      say(`${name}: an update that was interrupted is taken back`);
    }
  }
}

async function imageConfigOf(client: DockerClient, id: string, signal: AbortSignal) {
  try {
    const { Config } = await client.api.json<{ readonly Config?: Readonly<Record<string, unknown>> | null }>(
      "GET",
      `/images/${encodeURIComponent(id)}/json`,
      {},
      signal,
    );
    return Config;
  } catch (error) {
    if (isFault(error, "not-found")) return undefined; // it was removed by force: all settings count as the container's own
    throw error;
  }
}
