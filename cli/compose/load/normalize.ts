import { type Dict, dictOf, isDict, isList, listOf, mapDict, scalarText, textOf, type Tree } from "./tree.ts";

export interface Names {
  readonly project: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Fills in what the files leave to be understood: the default network, names, dependencies, and values of the environment. */
export function normalize(tree: Dict, names: Names): Dict {
  const services = mapDict(dictOf(tree["services"]), (service) => normalizeService(dictOf(service), names));
  const usesDefault = Object.values(services).some(
    (service) =>
      isDict(service) && isDict(service["networks"]) && Object.hasOwn(service["networks"], "default"),
  );
  const networks = {
    ...(usesDefault ? { default: null } : {}),
    ...dictOf(tree["networks"]),
  };
  const named = (section: Tree | undefined) =>
    mapDict(dictOf(section), (item, key) => nameOf(dictOf(item), key, names.project));
  const sections = {
    networks: named(networks),
    volumes: named(tree["volumes"]),
    secrets: named(tree["secrets"]),
    configs: named(tree["configs"]),
  };
  return {
    ...tree,
    name: names.project,
    services,
    ...mapDict(sections, (section) => (isEmpty(section) ? undefined : section)),
  };
}

function isEmpty(section: Tree): boolean {
  return isDict(section) && Object.keys(section).length === 0;
}

function nameOf(item: Dict, key: string, project: string): Dict {
  if (item["name"] !== undefined) return item;
  return { ...item, name: item["external"] === true ? key : `${project}_${key}` };
}

function normalizeService(service: Dict, { environment }: Names): Dict {
  const mode = service["network_mode"];
  const networks = service["networks"];
  const hasProvider = service["provider"] !== undefined;
  const isEmpty =
    networks === undefined || networks === null || (isDict(networks) && Object.keys(networks).length === 0);
  const resolve = (values: Tree | undefined): Dict =>
    mapDict(dictOf(values), (value, name) => value ?? environment[name] ?? null);
  const dependencies = inferDependencies(service);
  return {
    ...service,
    ...(mode === undefined && isEmpty && !hasProvider ? { networks: { default: null } } : {}),
    ...(isDict(service["environment"]) ? { environment: resolve(service["environment"]) } : {}),
    ...(isDict(service["build"]) ? { build: normalizeBuild(service["build"], resolve) } : {}),
    ...(service["pull_policy"] === "if_not_present" ? { pull_policy: "missing" } : {}),
    ...(isList(service["ports"]) ? { ports: service["ports"].map(withPortDefaults) } : {}),
    ...(isList(service["secrets"]) ? { secrets: service["secrets"].map(withSecretTarget) } : {}),
    ...(Object.keys(dependencies).length > 0 ? { depends_on: dependencies } : {}),
  };
}

function normalizeBuild(build: Dict, resolve: (values: Tree | undefined) => Dict): Dict {
  const hasFile = build["dockerfile"] !== undefined || build["dockerfile_inline"] !== undefined;
  const args = mapDict(resolve(build["args"]), (value) => value ?? undefined);
  return {
    context: ".",
    ...build,
    ...(hasFile ? {} : { dockerfile: "Dockerfile" }),
    ...(Object.keys(dictOf(build["args"])).length > 0 ? { args } : {}),
  };
}

function withPortDefaults(port: Tree): Tree {
  return isDict(port) ? { mode: "ingress", protocol: "tcp", ...port } : port;
}

function withSecretTarget(secret: Tree): Tree {
  if (!isDict(secret) || secret["target"] !== undefined) return secret;
  return { ...secret, target: `/run/secrets/${scalarText(secret["source"] ?? null)}` };
}

/** Links, shared namespaces and shared volumes need the other service, said or not. */
function inferDependencies(service: Dict): Dict {
  const found: Record<string, Tree> = mapDict(dictOf(service["depends_on"]), (value) =>
    isDict(value) ? { required: true, ...value } : value,
  );
  const add = (name: string, restart: boolean) => {
    found[name] ??= { condition: "service_started", restart, required: true };
  };
  for (const link of listOf(service["links"])) add(scalarText(link).split(":")[0] ?? "", true);
  for (const space of ["network_mode", "ipc", "pid", "uts", "cgroup"]) {
    const [kind, name] = (textOf(service[space]) ?? "").split(":");
    if (kind === "service" && name !== undefined) add(name, true);
  }
  for (const volumes of listOf(service["volumes_from"])) {
    const [name = ""] = scalarText(volumes).split(":");
    if (name !== "container") add(name, false);
  }
  return found;
}
