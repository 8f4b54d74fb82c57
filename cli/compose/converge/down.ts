import { isFault } from "#base/fault.ts";
import type { Session } from "../session.ts";
import { imageOf } from "./create-body.ts";
import { inDependencyOrder } from "./graph.ts";
import { label } from "./labels.ts";
import { observe } from "./observe.ts";
import { removeContainers } from "./stop.ts";

export interface DownOptions {
  /** Only these; all, and networks, when none is named. */
  readonly services: readonly string[];
  readonly removeOrphans: boolean;
  readonly volumes: boolean;
  readonly images?: "all" | "local" | undefined;
  readonly timeoutS?: number | undefined;
}

/** Stops and removes a project's containers, those that depend on others first, then its networks, and volumes and images when asked. */
export async function downProject(session: Session, options: DownOptions): Promise<void> {
  const { project, warn } = session;
  const all = (await observe(session, project.name)).filter(
    ({ isOneoff }) => !isOneoff || options.removeOrphans,
  );
  const isWanted = (service: string) => options.services.length === 0 || options.services.includes(service);
  let found = all.length > 0;
  const known = new Set([...project.services.keys(), ...project.disabled.keys()]);
  await inDependencyOrder(
    new Map([...project.disabled, ...project.services]),
    async (name) => {
      if (!isWanted(name)) return;
      const own = all.filter(({ service, isOneoff }) => service === name && !isOneoff);
      await removeContainers(session, own, options);
    },
    { reverse: true },
  );
  const orphans = all.filter(({ service, isOneoff }) => isOneoff || !known.has(service));
  if (options.removeOrphans) await removeContainers(session, orphans, options);
  if (options.services.length > 0) return;
  await Promise.all([
    removeNetworks(session).then((any) => (found ||= any)),
    options.volumes ? removeVolumes(session).then((any) => (found ||= any)) : undefined,
    options.images === undefined
      ? undefined
      : removeImages(session, options.images).then((any) => (found ||= any)),
  ]);
  if (!found) warn('Warning: No resource found to remove for project "' + project.name + '".');
}

async function removeNetworks({ client, project, progress, signal }: Session): Promise<boolean> {
  const own = await client.listNetworks({ label: [`${label.project}=${project.name}`] }, signal);
  await Promise.all(
    own.map(async ({ Id, Name }) => {
      const id = `Network ${Name}`;
      progress.event({ id, text: "Removing", status: "working" });
      try {
        await client.removeNetwork(Id, signal);
        progress.event({ id, text: "Removed", status: "done" });
      } catch (error) {
        if (!isFault(error, "not-found") && !isFault(error, "forbidden")) throw error;
        progress.event({
          id,
          text: isFault(error, "forbidden") ? "Resource is still in use" : "Removed",
          status: "warning",
        });
      }
    }),
  );
  return own.length > 0;
}

async function removeVolumes({ client, project, progress, signal }: Session): Promise<boolean> {
  const own =
    (await client.listVolumes({ label: [`${label.project}=${project.name}`] }, signal)).Volumes ?? [];
  await Promise.all(
    own.map(async ({ Name }) => {
      const id = `Volume ${Name}`;
      progress.event({ id, text: "Removing", status: "working" });
      try {
        await client.removeVolume(Name, false, signal);
        progress.event({ id, text: "Removed", status: "done" });
      } catch (error) {
        if (!isFault(error, "conflict")) throw error;
        progress.event({ id, text: "Resource is still in use", status: "warning" });
      }
    }),
  );
  return own.length > 0;
}

async function removeImages(session: Session, which: "all" | "local"): Promise<boolean> {
  const { client, project, progress, signal } = session;
  const images = new Set<string>();
  for (const [name, service] of project.services)
    if (which === "all" || service.image === undefined) images.add(imageOf(project, name, service));
  // What was built for the project carries its label, whatever it is called; of several names the first goes, as with the peer.
  const built = await client.listImages(signal, { filters: { label: [`${label.project}=${project.name}`] } });
  for (const { RepoTags } of built)
    for (const tag of (RepoTags ?? []).slice(0, 1)) images.add(tag.replace(/:latest$/, ""));
  await Promise.all(
    [...images].sort().map(async (image) => {
      const id = `Image ${image.includes(":", image.lastIndexOf("/") + 1) ? image : `${image}:latest`}`;
      progress.event({ id, text: "Removing", status: "working" });
      try {
        await client.removeImage(image, { force: false, noPrune: false }, signal);
        progress.event({ id, text: "Removed", status: "done" });
      } catch (error) {
        if (!isFault(error, "conflict") && !isFault(error, "not-found")) throw error;
        const text = isFault(error, "conflict")
          ? "Resource is still in use"
          : "Warning: No resource found to remove";
        progress.event({ id, text, status: "warning" });
      }
    }),
  );
  return images.size > 0;
}
