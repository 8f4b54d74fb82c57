import type { Project, Service } from "../model.ts";
import { serviceHash } from "../render/config.ts";
import type { Session } from "../session.ts";
import { createBody } from "./create-body.ts";
import { archiveOf } from "./inject.ts";
import { containerLabels, label } from "./labels.ts";
import { injectedFiles } from "./mounts.ts";
import { resolveReferences } from "./references.ts";

export interface Made {
  readonly id: string;
  readonly name: string;
}

/** Containers that exist by now, by service: what later ones may share or link to. */
export type Roster = Map<string, Made[]>;

export interface MakeOptions {
  readonly number: number;
  /** What it is called first; its aliases use the final name. */
  readonly temporaryName?: string;
  readonly imageId: string;
  readonly inherited: ReadonlyMap<string, string>;
  readonly oneoff?: {
    readonly slug: string;
    readonly useAliases: boolean;
    readonly isStdinAttached: boolean;
  };
  readonly name?: string;
}

/** Makes a container of a service, with the secrets and configs that have to be copied in. */
export async function makeContainer(
  session: Session,
  roster: Roster,
  serviceName: string,
  service: Service,
  options: MakeOptions,
): Promise<Made> {
  const { client, project, signal } = session;
  const { oneoff, temporaryName } = options;
  const name = options.name ?? containerName(project, serviceName, service, options.number);
  const labels = containerLabels(project, serviceName, service, {
    isOneoff: oneoff !== undefined,
    number: options.number,
    imageId: options.imageId,
    hash: serviceHash(resolveReferences(service, roster)),
    ...(oneoff === undefined ? {} : { slug: oneoff.slug }),
  });
  const body = createBody(project, serviceName, service, {
    containerName: name,
    labels: temporaryName === undefined ? labels : { ...labels, [label.replace]: name },
    containerOf: (other) => roster.get(other)?.[0]?.id ?? other,
    namesOf: (other) => (roster.get(other) ?? []).map((made) => made.name),
    useAliases: oneoff?.useAliases ?? true,
    isStdinAttached: oneoff?.isStdinAttached ?? false,
    inherited: options.inherited,
  });
  const { Id, Warnings } = await client.createContainer(temporaryName ?? name, body, signal, {
    platform: service.platform,
  });
  for (const warning of Warnings ?? [])
    session.progress.event({ id: serviceName, text: warning, status: "warning", isNote: true });
  const files = injectedFiles(project, service);
  if (files.length > 0) await client.putArchive(Id, "/", archiveOf(files), { copyOwner: true }, signal);
  return { id: Id, name };
}

export function containerName(project: Project, name: string, service: Service, number: number): string {
  return service.container_name ?? [project.name, name, number].join(separator(project));
}

function separator(project: Project): string {
  return ["1", "true"].includes(project.environment["COMPOSE_COMPATIBILITY"] ?? "") ? "_" : "-";
}
