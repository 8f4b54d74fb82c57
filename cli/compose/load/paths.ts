import { isAbsolute, join, resolve } from "node:path";
import { type Dict, isDict, isList, mapDict, type Tree } from "./tree.ts";

/** Makes every path of a canonical file absolute: relative ones start at `folder`, `~` is the home folder. */
export function resolvePaths(tree: Dict, folder: string, home: string): Dict {
  const absolute = (value: Tree): Tree =>
    typeof value === "string" ? resolvePath(value, folder, home) : value;
  const inDict = (value: Tree, changes: Readonly<Record<string, (item: Tree) => Tree>>): Tree =>
    isDict(value) ? mapDict(value, (item, key) => changes[key]?.(item) ?? item) : value;
  const inAll = (value: Tree, change: (item: Tree) => Tree): Tree =>
    isList(value) ? value.map(change) : isDict(value) ? mapDict(value, change) : value;
  const orUrl = (value: Tree) => (typeof value === "string" && !isRemote(value) ? absolute(value) : value);
  const file = (value: Tree) => inAll(value, (item) => inDict(item, { file: absolute }));
  return mapDict(tree, (section, name) => {
    if (name === "secrets" || name === "configs") return file(section);
    if (name === "volumes") return inAll(section, (volume) => device(volume, absolute));
    if (name !== "services") return section;
    return inAll(section, (service) =>
      inDict(service, {
        build: (build) => inDict(build, { context: orUrl, additional_contexts: (all) => inAll(all, orUrl) }),
        env_file: (all) => inAll(all, (item) => inDict(item, { path: absolute })),
        label_file: (all) => inAll(all, absolute),
        volumes: (all) => inAll(all, (item) => (isBind(item) ? inDict(item, { source: absolute }) : item)),
        develop: (develop) =>
          inDict(develop, { watch: (all) => inAll(all, (item) => inDict(item, { path: absolute })) }),
        credential_spec: (spec) => inDict(spec, { file: absolute }),
      }),
    );
  });
}

export function resolvePath(path: string, folder: string, home: string): string {
  if (path === "~" || path.startsWith("~/")) return join(home, path.slice(1));
  return isAbsolute(path) ? path : resolve(folder, path);
}

/** Whether a build context is a URL, a repository, a service or an image rather than a folder. */
export function isRemote(context: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\/|^(docker-image|service|oci-layout):/.test(context);
}

function isBind(item: Tree): boolean {
  return isDict(item) && item["type"] === "bind";
}

/** A volume of the local driver that binds a folder names that in its options. */
function device(volume: Tree, absolute: (value: Tree) => Tree): Tree {
  if (!isDict(volume)) return volume;
  const options = volume["driver_opts"];
  const isLocal = volume["driver"] === undefined || volume["driver"] === "local";
  if (!isLocal || !isDict(options) || options["o"] !== "bind" || options["device"] === undefined)
    return volume;
  return { ...volume, driver_opts: { ...options, device: absolute(options["device"]) } };
}
