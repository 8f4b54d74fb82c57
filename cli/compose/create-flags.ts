import { Fault } from "#base/fault.ts";
import { bool, type FlagTable, type FlagValues, list, text } from "../flags.ts";
import type { CreateOptions } from "./converge/create.ts";
import type { Project } from "./model.ts";

/** What `up` and `create` take alike. */
export const createFlags = {
  build: bool("Build images before starting containers"),
  "force-recreate": bool("Recreate containers even if their configuration and image haven't changed"),
  "no-build": bool("Don't build an image, even if it's policy"),
  "no-recreate": bool(
    "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
  ),
  pull: text("string", 'Pull image before running ("always"|"missing"|"never")'),
  "quiet-pull": bool("Pull without printing progress information"),
  "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
  scale: list(
    "scale",
    "Scale SERVICE to NUM instances. Overrides the scale setting in the Compose file if present.",
  ),
  yes: bool('Assume "yes" as answer to all prompts and run non-interactively', "y"),
} as const satisfies FlagTable;

type Values = FlagValues<typeof createFlags>;

/** @throws {Fault} `invalid` for flags that exclude each other */
export function createOptions(project: Project, values: Values, services: readonly string[]): CreateOptions {
  if (values["force-recreate"] && values["no-recreate"])
    throw new Fault("invalid", "--force-recreate and --no-recreate are incompatible");
  if (values.build && values["no-build"])
    throw new Fault("invalid", "--build and --no-build are incompatible");
  const { environment } = project;
  const recreate = values["force-recreate"] ? "force" : values["no-recreate"] ? "never" : "diverged";
  const isOn = (name: string) => ["1", "true"].includes(environment[name]?.toLowerCase() ?? "");
  return {
    images: {
      ...(values.pull === undefined ? {} : { pull: values.pull }),
      build: values.build ? "always" : values["no-build"] ? "never" : "missing",
      isQuiet: values["quiet-pull"],
    },
    services: services.length === 0 ? [...project.services.keys()] : services,
    recreate,
    recreateDependencies: recreate === "never" ? "never" : "diverged",
    renewAnonymous: false,
    removeOrphans: values["remove-orphans"] || isOn("COMPOSE_REMOVE_ORPHANS"),
    ignoreOrphans: isOn("COMPOSE_IGNORE_ORPHANS"),
  };
}

/** The project with the numbers of containers that `SERVICE=NUM` says. @throws {Fault} `invalid` */
export function withScales(project: Project, scales: readonly string[]): Project {
  const services = new Map(project.services);
  for (const item of scales) {
    const [, name = "", count = ""] = /^([^=]+)=(\d+)$/.exec(item) ?? [];
    if (name === "") throw new Fault("invalid", `invalid --scale option "${item}". Should be SERVICE=NUM`);
    const service = services.get(name);
    if (service === undefined) throw new Fault("not-found", `no such service: ${name}`);
    services.set(name, { ...service, scale: Number(count) });
  }
  return { ...project, services };
}
