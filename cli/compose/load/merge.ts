import { type Dict, fits, isDict, isList, mapDict, type Path, scalarText, type Tree } from "./tree.ts";

const replaced = [
  "services.*.command",
  "services.*.entrypoint",
  "services.*.healthcheck.test",
  "services.*.post_start.[].command",
];

/**
 * Merges two files, or an extended service and its extension, both in long form: mappings recursively, lists one after the
 * other, anything else is replaced.
 *
 * @see Compose specification, 13-merge.md
 */
export function mergeTrees(base: Tree, over: Tree, path: Path = []): Tree {
  if (base === null) return over;
  if (over === null) return base;
  if (replaced.some((pattern) => fits(path, pattern))) return over;
  if (isDict(base) && isDict(over)) return mergeDicts(base, over, path);
  if (!isList(base) || !isList(over)) return over;
  return fits(path, "networks.*.ipam.config") ? mergePools(base, over) : [...base, ...over];
}

function mergeDicts(base: Dict, over: Dict, path: Path): Dict {
  const drivers = [base["driver"], over["driver"]];
  if (
    fits(path, "services.*.logging") &&
    drivers.every((driver) => driver !== undefined) &&
    drivers[0] !== drivers[1]
  )
    return over;
  if (fits(path, "services.*.build.extra_hosts") || fits(path, "services.*.extra_hosts"))
    return { ...base, ...mapDict(over, (value, key) => joinUnique(base[key], value)) };
  return {
    ...base,
    ...mapDict(over, (value, key) =>
      Object.hasOwn(base, key) ? mergeTrees(base[key] ?? null, value, [...path, key]) : value,
    ),
  };
}

function joinUnique(base: Tree | undefined, over: Tree): Tree {
  return isList(base) && isList(over) ? [...new Set([...base, ...over])] : over;
}

function mergePools(base: readonly Tree[], over: readonly Tree[]): readonly Tree[] {
  const subnet = (pool: Tree) => (isDict(pool) ? pool["subnet"] : undefined);
  const kept = base.map((pool) => {
    const same = over.find((other) => subnet(other) === subnet(pool));
    return same === undefined ? pool : mergeTrees(pool, same);
  });
  return [...kept, ...over.filter((pool) => !base.some((other) => subnet(other) === subnet(pool)))];
}

type KeyOf = (item: Tree) => string;

const wholeOrName: KeyOf = (item) => scalarText(item).split("=")[0] ?? "";
const target: KeyOf = (item) => (isDict(item) ? scalarText(item["target"] ?? null) : scalarText(item));
const fileKey =
  (folder: string): KeyOf =>
  (item) =>
    isDict(item)
      ? scalarText(item["target"] ?? `${folder}/${scalarText(item["source"] ?? null)}`)
      : scalarText(item);
const portKey: KeyOf = (item) =>
  isDict(item)
    ? ["host_ip", "published", "target", "protocol"].map((name) => scalarText(item[name] ?? null)).join(":")
    : scalarText(item);

/** Lists whose items replace earlier ones of the same key. */
const keys: readonly (readonly [pattern: string, keyOf: KeyOf])[] = [
  ...["cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "expose", "links", "profiles", "tmpfs"].map(
    (name) => [`services.*.${name}`, wholeOrName] as const,
  ),
  ["services.*.build.tags", wholeOrName],
  ["services.*.networks.*.aliases", wholeOrName],
  ["services.*.networks.*.link_local_ips", wholeOrName],
  ["services.*.env_file", (item) => (isDict(item) ? scalarText(item["path"] ?? null) : scalarText(item))],
  ["services.*.ports", portKey],
  ["services.*.configs", fileKey("")],
  ["services.*.secrets", fileKey("/run/secrets")],
  ["services.*.volumes", target],
  ["services.*.devices", target],
];

/** Leaves one item of each key in the lists that have keys: the last one, where the first one stood. */
export function enforceUnicity(tree: Dict): Dict {
  const walk = (value: Tree, path: Path): Tree => {
    if (isDict(value)) return mapDict(value, (item, key) => walk(item, [...path, key]));
    const keyOf = isList(value) ? keys.find(([pattern]) => fits(path, pattern))?.[1] : undefined;
    if (!isList(value) || keyOf === undefined) return value;
    const found = new Map<string, Tree>();
    for (const item of value) found.set(keyOf(item), item);
    return [...found.values()];
  };
  return mapDict(tree, (value, key) => walk(value, [key]));
}
