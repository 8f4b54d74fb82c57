import type { Project, Service } from "../model.ts";

/** Labels by which compose, ours and the peer's, knows what is whose. */
export const label = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  number: "com.docker.compose.container-number",
  oneoff: "com.docker.compose.oneoff",
  hash: "com.docker.compose.config-hash",
  image: "com.docker.compose.image",
  dependsOn: "com.docker.compose.depends_on",
  configFiles: "com.docker.compose.project.config_files",
  workingDir: "com.docker.compose.project.working_dir",
  environmentFile: "com.docker.compose.project.environment_file",
  slug: "com.docker.compose.slug",
  version: "com.docker.compose.version",
  network: "com.docker.compose.network",
  volume: "com.docker.compose.volume",
  replace: "com.docker.compose.replace",
} as const;

/** The version of the peer whose behaviour is followed: it reads this label. */
export const peerVersion = "2.40.3";

export interface LabelOptions {
  readonly isOneoff: boolean;
  readonly number: number;
  readonly slug?: string;
  /** Of the service as it is once references to other services are resolved. */
  readonly hash: string;
  /** ID of the image that the container is made from. */
  readonly imageId: string;
}

/** All labels of a container of a service, its own included. */
export function containerLabels(
  project: Project,
  name: string,
  service: Service,
  { isOneoff, number, slug, hash, imageId }: LabelOptions,
): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(service.labels ?? []),
    [label.project]: project.name,
    [label.service]: name,
    [label.version]: peerVersion,
    [label.oneoff]: isOneoff ? "True" : "False",
    [label.configFiles]: project.files.join(","),
    [label.workingDir]: project.folder,
    ...(slug === undefined ? { [label.number]: String(number) } : { [label.slug]: slug }),
    [label.dependsOn]: dependencyLabel(project, service),
    ...(isOneoff ? {} : { [label.hash]: hash }),
    ...(imageId === "" ? {} : { [label.image]: imageId }),
  };
}

function dependencyLabel({ services }: Project, { depends_on: dependsOn }: Service): string {
  return [...(dependsOn ?? [])]
    .filter(([name]) => services.has(name))
    .map(([name, { condition, restart }]) => `${name}:${condition}:${restart === true}`)
    .sort()
    .join(",");
}
