import { parseDevice, parsePort, parseVolume } from "./short-syntax.ts";
import {
  type Dict,
  fits,
  isDict,
  isList,
  listOf,
  mapDict,
  type Path,
  scalarText,
  type Tree,
} from "./tree.ts";

type Change = (value: Tree, path: Path) => Tree;

const fromList: Change = (value) => {
  if (!isList(value)) return isDict(value) ? mapDict(value, envValue) : value;
  return Object.fromEntries(
    value.map((item) => {
      const text = scalarText(item);
      const equals = text.indexOf("=");
      return equals < 0 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
};

const labels: Change = (value, path) => {
  const dict = fromList(value, path);
  return isDict(dict) ? mapDict(dict, (item) => item ?? "") : dict;
};

const toList: Change = (value) => (value === null || isList(value) ? value : [value]);
const toNames: Change = (value) =>
  isList(value) ? Object.fromEntries(value.map((name) => [scalarText(name), null])) : value;

/** Every place that has a short form, and what makes the long form of it. Places below others come after them. */
const changes: readonly (readonly [pattern: string, change: Change])[] = [
  ["services.*.build", (value) => (typeof value === "string" ? { context: value } : value)],
  ["services.*.build.args", fromList],
  ["services.*.build.additional_contexts", fromList],
  ["services.*.build.labels", labels],
  ["services.*.build.extra_hosts", hosts],
  ["services.*.build.secrets", files],
  [
    "services.*.build.ssh",
    (value) => (typeof value === "string" ? [value] : isDict(value) ? sshList(value) : value),
  ],
  ["services.*.annotations", labels],
  ["services.*.depends_on", (value) => (isList(value) ? Object.fromEntries(value.map(dependency)) : value)],
  ["services.*.deploy.labels", labels],
  [
    "services.*.devices",
    (value) => listOf(value).map((item) => (typeof item === "string" ? parseDevice(item) : item)),
  ],
  ["services.*.dns", toList],
  ["services.*.dns_search", toList],
  ["services.*.env_file", (value) => listOf(toList(value, [])).map(pathOf)],
  ["services.*.label_file", toList],
  ["services.*.environment", fromList],
  ["services.*.extends", (value) => (typeof value === "string" ? { service: value } : value)],
  ["services.*.extra_hosts", hosts],
  ["services.*.gpus", (value) => (value === "all" ? [{ count: -1 }] : value)],
  ["services.*.labels", labels],
  ["services.*.models", toNames],
  ["services.*.networks", toNames],
  ["services.*.configs", files],
  ["services.*.secrets", files],
  ["services.*.ports", (value) => listOf(value).flatMap((item) => (isDict(item) ? [item] : parsePort(item)))],
  ["services.*.sysctls", fromList],
  ["services.*.tmpfs", toList],
  [
    "services.*.volumes",
    (value) => listOf(value).map((item) => (typeof item === "string" ? parseVolume(item) : item)),
  ],
  ["networks.*.labels", labels],
  ["volumes.*.labels", labels],
  ["secrets.*.labels", labels],
  ["configs.*.labels", labels],
  ["networks.*", external],
  ["volumes.*", external],
  ["secrets.*", external],
  ["configs.*", external],
];

/**
 * Turns every short form into its long one, so that files can be merged.
 *
 * @throws {Fault} `invalid` for a port or volume that makes no sense
 */
export function canonicalize(tree: Dict): Dict {
  const walk = (value: Tree, path: Path): Tree => {
    const changed = changes
      .filter(([pattern]) => fits(path, pattern))
      .reduce((item, [, change]) => change(item, path), value);
    return path.length < 4 && isDict(changed)
      ? mapDict(changed, (item, key) => walk(item, [...path, key]))
      : changed;
  };
  return mapDict(tree, (value, key) => walk(value, [key]));
}

function envValue(value: Tree): Tree {
  return value === null ? null : scalarText(value);
}

function dependency(name: Tree): readonly [string, Tree] {
  return [scalarText(name), { condition: "service_started", required: true }];
}

function pathOf(item: Tree): Tree {
  return isDict(item) ? item : { path: item };
}

function files(value: Tree): Tree {
  return listOf(value).map((item) => (isDict(item) ? item : { source: item }));
}

function sshList(value: Dict): Tree {
  return Object.entries(value).map(([id, key]) => (key === null ? id : `${id}=${scalarText(key)}`));
}

/** `host=ip` or `host:ip`, and brackets around an address go. */
function hosts(value: Tree): Tree {
  if (isDict(value)) return mapDict(value, (item) => (isList(item) ? item : [scalarText(item)]));
  const found: Record<string, string[]> = {};
  for (const item of listOf(value)) {
    const [, host = scalarText(item), address = ""] = /^([^=:]+)[=:](.*)$/.exec(scalarText(item)) ?? [];
    found[host] = [...(found[host] ?? []), address.replace(/^\[(.*)\]$/, "$1")];
  }
  return found;
}

/** `external: {name: x}` is an old form of `external: true` with `name: x`. */
function external(value: Tree): Tree {
  if (!isDict(value) || !isDict(value["external"])) return value;
  const { name } = value["external"];
  return { ...value, ...(name === undefined ? {} : { name }), external: true };
}
