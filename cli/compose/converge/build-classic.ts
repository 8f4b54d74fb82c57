import { stat } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import { readAllAuths } from "../../config/registry-auth.ts";
import { folderArchive } from "../../streams/folder-archive.ts";
import { isRemote } from "../load/paths.ts";
import type { Build, Service } from "../model.ts";
import type { Session } from "../session.ts";
import type { ServiceBuilds } from "./build.ts";
import { imageOf } from "./create-body.ts";
import { drain } from "./image-stream.ts";
import { label, peerVersion } from "./labels.ts";

/**
 * Builds a service's image by the classic builder: the context as a tar, without what `.dockerignore` names.
 *
 * @throws {Fault} `not-implemented` for what only BuildKit has, otherwise what the engine says
 */
export async function buildClassic(
  session: Session,
  name: string,
  service: Service,
  options: ServiceBuilds,
): Promise<void> {
  const { build } = service;
  if (build === undefined) return;
  refuse(name, build);
  const image = imageOf(session.project, name, service);
  const context = build.context ?? ".";
  const inline = build.dockerfile_inline;
  const dockerfile = inline === undefined ? (build.dockerfile ?? "Dockerfile") : ".gantry-inline.Dockerfile";
  const isFolder = !isRemote(context);
  if (isFolder) await checkFolder(context);
  const added = inline === undefined ? [] : [{ name: dockerfile, bytes: Buffer.from(inline) }];
  const archive = isFolder ? folderArchive(context, dockerfile, added) : undefined;
  const query = queryOf(session, name, service, build, options);
  const messages = session.client.buildImage(
    archive,
    { ...query, t: [image, ...(build.tags ?? [])], dockerfile, ...(isFolder ? {} : { remote: context }) },
    await readAllAuths(session.context.config()),
    session.signal,
  );
  const { out } = session.context;
  await drain(messages, (text) => {
    if (!options.isQuiet) out.write(text);
  });
  session.progress.event({ id: image, text: "Built", status: "done" });
}

function queryOf(session: Session, name: string, service: Service, build: Build, options: ServiceBuilds) {
  const given = Object.fromEntries(
    (options.args ?? []).map((item) => {
      const equals = item.indexOf("=");
      return equals < 0
        ? [item, session.project.environment[item] ?? ""]
        : [item.slice(0, equals), item.slice(equals + 1)];
    }),
  );
  const labels = {
    ...Object.fromEntries(build.labels ?? []),
    [label.project]: session.project.name,
    [label.service]: name,
    [label.version]: peerVersion,
  };
  return {
    buildargs: JSON.stringify({ ...Object.fromEntries(build.args ?? []), ...given }),
    labels: JSON.stringify(labels),
    cachefrom: JSON.stringify(build.cache_from ?? []),
    nocache: options.noCache === true || build.no_cache === true,
    pull: options.pull === true || build.pull === true,
    rm: true,
    target: build.target,
    networkmode: build.network,
    extrahosts: build.extra_hosts?.map((item) => item.replace("=", ":")),
    shmsize: build.shm_size,
    platform: service.platform ?? build.platforms?.[0],
    memory: options.memory,
    version: "1",
  };
}

function refuse(name: string, build: Build): void {
  const needs = (what: string) =>
    new Fault(
      "not-implemented",
      `service "${name}": build.${what} needs BuildKit, which gantry compose does not use`,
    );
  if (build.ssh !== undefined) throw needs("ssh");
  if (build.secrets !== undefined) throw needs("secrets");
  if (build.additional_contexts !== undefined) throw needs("additional_contexts");
}

async function checkFolder(context: string): Promise<void> {
  const found = await stat(context).catch(() => undefined);
  if (found === undefined)
    throw new Fault("not-found", `unable to prepare context: path "${context}" not found`);
}
