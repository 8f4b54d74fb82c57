import type { FileReference, Project, Service, VolumeMount } from "../model.ts";

interface Mounts {
  readonly Binds: readonly string[];
  readonly Mounts: readonly object[];
}

/**
 * The mounts of a service: the old form of binds where that says it all, as it makes a missing folder on the host, the new one
 * otherwise. Secrets and configs that are files are mounted too.
 */
export function mountsOf(project: Project, service: Service, inherited: ReadonlyMap<string, string>): Mounts {
  const binds: string[] = [];
  const mounts: object[] = [];
  for (const volume of service.volumes ?? []) {
    const bind = bindOf(project, volume);
    if (bind !== undefined) binds.push(bind);
    else mounts.push(mountOf(project, volume, inherited));
  }
  const targets = new Set((service.volumes ?? []).map(({ target }) => target));
  for (const [Target, Source] of inherited)
    if (!targets.has(Target)) mounts.push({ Type: "volume", Source, Target });
  for (const { source, target } of filesOf(project, service))
    mounts.push({ Type: "bind", Source: source, Target: target, ReadOnly: true });
  return { Binds: binds, Mounts: mounts };
}

function bindOf(project: Project, volume: VolumeMount): string | undefined {
  const { type, source, target, read_only: isReadOnly, bind } = volume;
  const options = [isReadOnly === true ? "ro" : "rw"];
  if (source === undefined) return undefined;
  if (type === "bind" && bind?.create_host_path === true && bind.recursive === undefined) {
    if (bind.selinux !== undefined) options.push(bind.selinux);
    if (bind.propagation !== undefined) options.push(bind.propagation);
    return `${source}:${target}:${options.join(",")}`;
  }
  const { labels, nocopy, subpath } = volume.volume ?? {};
  if (type !== "volume" || labels !== undefined || nocopy === true || subpath !== undefined) return undefined;
  return `${project.volumes.get(source)?.name ?? source}:${target}:${options.join(",")}`;
}

function mountOf(project: Project, volume: VolumeMount, inherited: ReadonlyMap<string, string>): object {
  const { type, source, target, read_only: ReadOnly = false, consistency = "" } = volume;
  const named =
    type === "volume" && source !== undefined ? (project.volumes.get(source)?.name ?? source) : source;
  const Source = named ?? inherited.get(target) ?? "";
  const common = { Type: type, Source, Target: target, ReadOnly, Consistency: consistency };
  if (type === "bind") return { ...common, BindOptions: bindOptions(volume) };
  if (type === "tmpfs") {
    const { size, mode } = volume.tmpfs ?? {};
    if (size === undefined && mode === undefined) return { ...common, Source: "" };
    return { ...common, Source: "", TmpfsOptions: { SizeBytes: Number(size ?? 0), Mode: mode ?? 0 } };
  }
  if (type === "image") return { ...common, ImageOptions: { Subpath: volume.image?.subpath ?? "" } };
  const { labels, nocopy, subpath } = volume.volume ?? {};
  if (labels === undefined && nocopy === undefined && subpath === undefined) return common;
  return {
    ...common,
    VolumeOptions: {
      NoCopy: nocopy ?? false,
      Labels: Object.fromEntries(labels ?? []),
      ...(subpath === undefined ? {} : { Subpath: subpath }),
    },
  };
}

function bindOptions({ bind }: VolumeMount): object {
  return {
    ...(bind?.propagation === undefined ? {} : { Propagation: bind.propagation }),
    CreateMountpoint: bind?.create_host_path ?? false,
    ...(bind?.recursive === "disabled" ? { NonRecursive: true } : {}),
    ...(bind?.recursive === "writable" ? { ReadOnlyNonRecursive: true } : {}),
    ...(bind?.recursive === "readonly" ? { ReadOnlyForceRecursive: true } : {}),
  };
}

interface MountedFile {
  readonly source: string;
  readonly target: string;
}

function filesOf(project: Project, service: Service): readonly MountedFile[] {
  const found: MountedFile[] = [];
  for (const reference of service.secrets ?? []) {
    const file = project.secrets.get(reference.source)?.file;
    if (file !== undefined) found.push({ source: file, target: secretTarget(reference) });
  }
  for (const reference of service.configs ?? []) {
    const file = project.configs.get(reference.source)?.file;
    if (file !== undefined) found.push({ source: file, target: configTarget(reference) });
  }
  return found;
}

export function secretTarget({ source, target = source }: FileReference): string {
  return target.startsWith("/") ? target : `/run/secrets/${target}`;
}

export function configTarget({ source, target = `/${source}` }: FileReference): string {
  return target.startsWith("/") ? target : `/${target}`;
}

/** A file that is copied into the container after it has been made, as nothing on the host has its content. */
export interface InjectedFile {
  readonly target: string;
  readonly content: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Secrets and configs whose content comes from the environment or from the compose file. */
export function injectedFiles(project: Project, service: Service): readonly InjectedFile[] {
  const found: InjectedFile[] = [];
  const add = (reference: FileReference, target: string, content: string | undefined) => {
    if (content === undefined) return;
    const { uid = "0", gid = "0", mode = "0444" } = reference;
    found.push({ target, content, uid: Number(uid), gid: Number(gid), mode: Number.parseInt(mode, 8) });
  };
  for (const reference of service.secrets ?? []) {
    const variable = project.secrets.get(reference.source)?.environment;
    if (variable !== undefined) add(reference, secretTarget(reference), project.environment[variable] ?? "");
  }
  for (const reference of service.configs ?? []) {
    const { environment, content } = project.configs.get(reference.source) ?? {};
    const text =
      content ?? (environment === undefined ? undefined : (project.environment[environment] ?? ""));
    add(reference, configTarget(reference), text);
  }
  return found;
}
