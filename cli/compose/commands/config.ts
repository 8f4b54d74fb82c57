import { writeFileSync } from "node:fs";
import { bool, text } from "../../flags.ts";
import { type Context, defineCommand } from "../../context.ts";
import { formatTable } from "../../output/table.ts";
import { imageOf } from "../converge/create-body.ts";
import { dependencyOrder } from "../converge/graph.ts";
import { variablesOf } from "../load/interpolate.ts";
import { loadNormalized, loadProject, type ProjectOptions } from "../load/load-project.ts";
import { loadTree } from "../load/load-tree.ts";
import { selectServices, withoutUnused } from "../load/select.ts";
import { isDict, isList, type Tree } from "../load/tree.ts";
import type { Project, Service } from "../model.ts";
import { loadDeps, projectOptions } from "../open-project.ts";
import { groupValuesOf } from "../open-session.ts";
import { renderJson, renderTree, renderYaml, serviceHash } from "../render/config.ts";
import { writeJson } from "../render/json.ts";
import { anything } from "../load/shape.ts";
import { toPlain } from "../render/json.ts";

const flags = {
  environment: bool("Print environment used for interpolation."),
  format: text("string", "Format the output. Values: [yaml | json]"),
  hash: text("string", "Print the service config hash, one per line."),
  images: bool("Print the image names, one per line."),
  models: bool("Print the model names, one per line."),
  networks: bool("Print the network names, one per line."),
  "no-consistency": bool("Don't check model consistency"),
  "no-env-resolution": bool("Don't resolve service env files"),
  "no-interpolate": bool("Don't interpolate environment variables"),
  output: text("string", "Save to file (default to stdout)", "o"),
  profiles: bool("Print the profile names, one per line."),
  quiet: bool("Only validate the configuration, don't print anything", "q"),
  services: bool("Print the service names, one per line."),
  variables: bool("Print model variables and default values."),
  volumes: bool("Print the volume names, one per line."),
} as const;

type Lists = "services" | "volumes" | "networks" | "images" | "models" | "profiles";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Parse, resolve and render compose file in canonical format",
  flags,
  operands: [0, Infinity],
  examples: [
    ["gantry compose config", "the whole project as it is understood"],
    ["gantry compose config --services", "names alone"],
  ],
  async run(context, values, services) {
    const options = projectOptions(context, groupValuesOf(context));
    const output = await render(context, values, options, services);
    if (values.output !== undefined) writeFileSync(values.output, output);
    else if (!values.quiet) context.out.write(output);
    return 0;
  },
});

type Values = Parameters<typeof command.run>[1];

async function render(
  context: Context,
  values: Values,
  options: ProjectOptions,
  services: readonly string[],
): Promise<string> {
  const { Fault } = await import("#base/fault.ts");
  if (options.files.length === 0) throw new Fault("not-found", "no configuration file provided: not found");
  const deps = loadDeps(context);
  if (values["variables"])
    return renderVariables(await loadTree(deps, { ...options, isInterpolated: false }));
  if (values["no-interpolate"]) {
    const tree = await loadNormalized(deps, { ...options, isInterpolated: false });
    return values["format"] === "json" ? `${writeJson(toPlain(anything(tree)), "")}` : renderTree(tree);
  }
  const isResolved = values["hash"] === undefined && !values["no-env-resolution"];
  const whole = await loadProject(deps, { ...options, isResolved });
  const all = groupValuesOf(context)["all-resources"];
  const project = selectServices(all ? whole : withoutUnused(whole), services);
  if (values["environment"]) return renderEnvironment(project);
  for (const what of ["services", "volumes", "networks", "images", "models", "profiles"] as const)
    if (values[what]) return lines(listOf(what, what === "profiles" ? whole : project));
  if (values["hash"] !== undefined) return renderHashes(project, String(values["hash"]));
  const shown = selectServices(project, services, { withDependencies: true });
  const used = services.length === 0 ? shown : withoutUnused(shown);
  const rendered = isResolved ? withoutLabelFiles(used) : used;
  const text = values["format"] === "json" ? renderJson(rendered) : renderYaml(rendered);
  return text.replaceAll("$", "$$$$");
}

/** The files are part of what a service's hash is made from, but not of what is shown once they have been read. */
function withoutLabelFiles(project: Project): Project {
  const services = [...project.services].map(([name, service]) => {
    const fields = Object.entries(service).filter(([field]) => field !== "label_file");
    return [name, Object.fromEntries(fields) as unknown as Service] as const;
  });
  return { ...project, services: new Map(services) };
}

function lines(items: readonly string[]): string {
  return items.map((item) => `${item}\n`).join("");
}

function listOf(what: Lists, project: Project): readonly string[] {
  if (what === "services") return dependencyOrder(project.services);
  if (what === "images")
    return [...project.services].map(([name, service]) => imageOf(project, name, service)).sort();
  if (what !== "profiles") return [...project[what].keys()];
  const services = [...project.services.values(), ...project.disabled.values()];
  return [...new Set(services.flatMap(({ profiles }) => profiles ?? []))].sort();
}

function renderHashes(project: Project, wanted: string): string {
  const names = wanted === "*" ? [...project.services.keys()] : wanted.split(",").sort();
  return lines(
    [...selectServices(project, names, { withDependencies: false }).services].map(
      ([name, service]) => `${name} ${serviceHash(service)}`,
    ),
  );
}

function renderEnvironment({ environment }: Project): string {
  return lines(
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
  );
}

function renderVariables(tree: Tree): string {
  const found = new Map<string, readonly string[]>();
  const walk = (value: Tree): void => {
    if (typeof value === "string")
      for (const { name, isRequired, defaultValue, alternateValue } of variablesOf(value))
        if (!found.has(name)) found.set(name, [name, String(isRequired), defaultValue, alternateValue]);
    if (isList(value)) value.forEach(walk);
    if (isDict(value)) Object.values(value).forEach(walk);
  };
  walk(tree);
  return formatTable(["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"], [...found.values()]);
}
