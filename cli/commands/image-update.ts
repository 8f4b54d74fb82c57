import { parseDuration } from "#base/duration.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { parseReference } from "#oci/reference.ts";
import { type Context, defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { lockUpdates } from "../rollover/lock.ts";
import { rebuild, type Rebuilt } from "../rollover/rebuild.ts";
import { rollOver, type RollOverDeps, settle } from "../rollover/roll-over.ts";
import type { Original } from "../rollover/same-settings.ts";
import { pullImage } from "../streams/pull-image.ts";
import { canonicalName } from "../packages/canonical-name.ts";

type Details = Original & {
  readonly Image: string;
  readonly State: { readonly Running: boolean };
  readonly Config: { readonly Image: string };
  readonly HostConfig: { readonly AutoRemove?: boolean };
};

export const imageUpdate = defineCommand({
  isOwn: true,
  usage: "[OPTIONS] IMAGE [IMAGE...] | --all",
  about: [
    "Pulls images anew, or rebuilds them, and puts new containers in the place of running ones: the same settings, name and",
    "volumes. A new one that does not become healthy, or without a health check ends within the time that --wait says, is removed,",
    "and the old one runs again. What was interrupted is finished or taken back by the next run.",
    "",
    "--rebuild knows how to make: images of 'gantry image bootstrap', and services of Compose projects that have a build section.",
  ].join("\n"),
  flags: {
    all: bool("All images that running containers have by name", "a"),
    "health-timeout": text("DURATION", "How long a container may take to become healthy", undefined, {
      shownDefault: "5m",
    }),
    "no-pull": bool("Take the images as they are: only roll containers over"),
    pull: bool("Pull (the default)"),
    rebuild: bool("Rebuild instead of pulling"),
    wait: text("DURATION", "How long a container without a health check has to run", undefined, {
      shownDefault: "10s",
    }),
  },
  operands: [0, Infinity],
  complete: ["image"],
  examples: [
    ["gantry image update nginx:1.27", "pull it, and roll over whatever runs it"],
    ["gantry image update --rebuild debian:bookworm", "from the distribution's packages of today"],
    ["gantry image update --all", "for a timer at a quiet hour"],
  ],
  exitCodes: [
    [0, "everything is up to date now"],
    [1, "something could not be updated; what ran before runs"],
  ],
  async run(context, values, names) {
    if (values.all === names.length > 0) throw new Fault("invalid", "name images, or give --all");
    const ways = [values.pull, values.rebuild, values["no-pull"]].filter(Boolean).length;
    if (ways > 1) throw new Fault("invalid", "--pull, --rebuild and --no-pull exclude one another");
    const deps: RollOverDeps = {
      client: context.engine(),
      signal: context.signal,
      gate: {
        runsMs: durationOf(values.wait ?? "10s"),
        healthyMs: durationOf(values["health-timeout"] ?? "5m"),
      },
      say: (line) => context.out.write(`${line}\n`),
    };
    using _ = await lockUpdates(context);
    await settle(deps);
    const running = await runningContainers(deps);
    const wanted = values.all
      ? new Set(running.map(({ Config }) => canonicalName(Config.Image)).filter((name) => name !== undefined))
      : new Set(names.map((name) => canonicalName(name) ?? refuseId(name)));
    const way = values.rebuild ? "rebuild" : values["no-pull"] ? "none" : "pull";
    let isAllDone = true;
    for (const name of wanted) isAllDone = (await updateOne(context, deps, name, way)) && isAllDone;
    return isAllDone ? 0 : 1;
  },
});

async function updateOne(
  context: Context,
  deps: RollOverDeps,
  name: string,
  way: "pull" | "rebuild" | "none",
): Promise<boolean> {
  try {
    const outcome = way === "none" ? undefined : await renew(context, deps, name, way);
    if (outcome?.isDone === false) {
      deps.say(`${name}: not updated: ${outcome.reason}`);
      return false;
    }
    return await rollAll(deps, name, await imageIdOf(deps, name));
  } catch (error) {
    deps.signal.throwIfAborted();
    if (!isFault(error)) throw error;
    deps.say(`${name}: not updated: ${messageOf(error)}`);
    return false;
  }
}

async function renew(
  context: Context,
  deps: RollOverDeps,
  name: string,
  way: "pull" | "rebuild",
): Promise<Rebuilt> {
  if (way === "rebuild") {
    const containers = (await runningContainers(deps)).filter(
      ({ Config }) => canonicalName(Config.Image) === name,
    );
    return await rebuild(context, name, containers);
  }
  if (parseReference(name).digest !== undefined)
    return { isDone: false, reason: "it is pinned by its digest, which always means the same image" };
  await pullImage(context, name, { quiet: true, out: context.out });
  return { isDone: true };
}

/** Containers that run an older image under the name. */
async function rollAll(deps: RollOverDeps, name: string, imageId: string): Promise<boolean> {
  const all = await runningContainers(deps);
  const behind = all.filter(({ Config, Image }) => canonicalName(Config.Image) === name && Image !== imageId);
  if (behind.length === 0) deps.say(`${name}: up to date`);
  let isAllDone = true;
  for (const container of behind) {
    const called = container.Name.slice(1);
    const obstacle = obstacleOf(container, all);
    if (obstacle !== undefined) deps.say(`${called}: not updated: ${obstacle}`);
    const isDone = obstacle === undefined && (await rollOver(deps, container, imageId));
    if (isDone) deps.say(`${called}: updated to ${imageId.slice(7, 19)}`);
    isAllDone &&= isDone;
  }
  return isAllDone;
}

function obstacleOf({ Id, Name, HostConfig }: Details, all: readonly Details[]): string | undefined {
  if (HostConfig.AutoRemove === true) return "it was started with --rm: stopped, it is gone";
  const meant = [Id, Name.slice(1)].map((one) => `container:${one}`);
  const user = all.find((other) =>
    ["NetworkMode", "PidMode", "IpcMode"].some((mode) => meant.includes(String(other.HostConfig[mode]))),
  );
  return user && `${user.Name.slice(1)} lives in its namespaces`;
}

async function runningContainers({ client, signal }: RollOverDeps): Promise<readonly Details[]> {
  const found = await client.listContainers({ filters: { status: ["running"] } }, signal);
  const details = await Promise.all(
    found.map(async ({ Id }) => {
      try {
        return (await client.inspectContainer(Id, signal)) as unknown as Details;
      } catch (error) {
        if (isFault(error, "not-found")) return undefined;
        throw error;
      }
    }),
  );
  return details.filter((one) => one !== undefined);
}

async function imageIdOf({ client, signal }: RollOverDeps, name: string): Promise<string> {
  const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}/json`;
  return (await client.api.json<{ readonly Id: string }>("GET", path, {}, signal)).Id;
}

function refuseId(name: string): never {
  throw new Fault("invalid", `${name} is no name that could mean another image later`);
}

/** Milliseconds. */
function durationOf(text: string): number {
  const ms = parseDuration(text) / 1e6;
  if (!(ms >= 0 && ms <= 86_400_000)) throw new Fault("invalid", `${text} is not between 0 and a day`);
  return ms;
}
