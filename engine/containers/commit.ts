import type { ContainerConfig } from "#api/docker/container.ts";
import { applyChanges } from "#engine/images/changes.ts";
import { placeholders } from "#engine/runtime/placeholders.ts";
import { diffOf } from "#engine/snapshots/rooted.ts";
import { parseDigest } from "#oci/digest.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import type { CommitRequest } from "./containers.ts";
import { type ContainerContext, publish } from "./context.ts";

/** @see Containers.commit */
export async function commitContainer(
  context: ContainerContext,
  ref: string,
  request: CommitRequest,
  signal: AbortSignal,
): Promise<string> {
  const { registry, images, snapshots } = context;
  const record = registry.get(ref);
  const { reference, author, comment } = request;
  const config = applyChanges(inherit(request.config, record.config), request.changes);
  const id = await images.commit(
    () => diffOf(snapshots.root, snapshots.mountOf(record.id), placeholders, signal),
    {
      base: parseDigest(record.imageId),
      config,
      createdBy: (record.config.Cmd ?? []).join(" "),
      ...(reference !== undefined && { reference }),
      ...(author !== undefined && { author }),
      ...(comment !== undefined && { comment }),
    },
    signal,
  );
  publish(context, record, "commit", {
    comment: comment ?? "",
    imageID: id,
    imageRef: reference ?? "",
  });
  return id;
}

/** What the request does not say is as the container has it: variables, labels, ports and volumes by key. */
export function inherit(own: ImageRuntimeConfig, from: ContainerConfig): ImageRuntimeConfig {
  const names = new Set((own.Env ?? []).map((entry) => entry.split("=", 1)[0]));
  const hasEntrypoint = (own.Entrypoint ?? []).length > 0;
  const exposed = { ...from.ExposedPorts, ...own.ExposedPorts };
  const volumes = { ...from.Volumes, ...own.Volumes };
  const health = own.Healthcheck ?? from.Healthcheck;
  const stopSignal = own.StopSignal ?? from.StopSignal;
  const shell = own.Shell ?? from.Shell;
  const onBuild = own.OnBuild ?? from.OnBuild;
  return {
    ...(from.User !== "" || own.User ? { User: own.User || from.User } : {}),
    ...(Object.keys(exposed).length > 0 && { ExposedPorts: exposed }),
    Env: [...(own.Env ?? []), ...from.Env.filter((entry) => !names.has(entry.split("=", 1)[0]))],
    Entrypoint: hasEntrypoint ? (own.Entrypoint ?? null) : from.Entrypoint,
    Cmd: own.Cmd ?? (hasEntrypoint ? null : from.Cmd),
    ...(Object.keys(volumes).length > 0 && { Volumes: volumes }),
    WorkingDir: own.WorkingDir || from.WorkingDir,
    Labels: { ...from.Labels, ...own.Labels },
    ...(health !== undefined && { Healthcheck: health }),
    ...(stopSignal !== undefined && { StopSignal: stopSignal }),
    ...(shell !== undefined && { Shell: shell }),
    ...(onBuild !== null && { OnBuild: onBuild }),
  };
}
