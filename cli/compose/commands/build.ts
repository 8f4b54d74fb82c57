import type { BakeTarget } from "../../build/bake/bake-target.ts";
import { bakeFile } from "../../build/bake/print.ts";
import { defineCommand } from "../../context.ts";
import { bool, list, text } from "../../flags.ts";
import { buildServices, type ServiceBuilds, targetsOf } from "../converge/build.ts";
import { parseBytes } from "../load/quantities.ts";
import { openSession } from "../open-session.ts";

/** Bake would put variables in. */
function escaped(target: BakeTarget): BakeTarget {
  const inline = target["dockerfile-inline"];
  return inline === undefined ? target : { ...target, "dockerfile-inline": inline.replaceAll("${", "$${") };
}

function mapValues<T>(
  values: Readonly<Record<string, T>>,
  change: (value: T) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Build or rebuild services",
  flags: {
    "build-arg": list("stringArray", "Set build-time variables for services"),
    builder: text("string", "Set builder to use"),
    check: bool("Check build configuration"),
    memory: text("bytes", "Set memory limit for the build container. Not supported by BuildKit.", "m"),
    "no-cache": bool("Do not use cache when building the image"),
    print: bool("Print equivalent bake file"),
    provenance: text("string", "Add a provenance attestation"),
    pull: bool("Always attempt to pull a newer version of the image"),
    push: bool("Push service images"),
    quiet: bool("Suppress the build output", "q"),
    sbom: text("string", "Add a SBOM attestation"),
    ssh: text(
      "string",
      "Set SSH authentications used when building service images. (use 'default' for using your default SSH Agent)",
    ),
    "with-dependencies": bool("Also build dependencies (transitively)"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose build --pull web", "on the newest base"]],
  async run(context, values, services) {
    const session = await openSession(context, {
      services,
      withDependencies: values["with-dependencies"],
      title: "Building",
      isQuiet: values.quiet,
    });
    using _ = session.progress;
    const options: ServiceBuilds = {
      isQuiet: values.quiet,
      noCache: values["no-cache"],
      pull: values.pull,
      args: values["build-arg"],
      ssh: values.ssh,
      provenance: values.provenance,
      sbom: values.sbom,
      push: values.push,
      isCheck: values.check,
      ...(values.memory === undefined ? {} : { memory: parseBytes(values.memory) }),
    };
    if (values.print) {
      const targets = mapValues(targetsOf(session, session.project.services, options), escaped);
      context.out.write(`${bakeFile(targets, Object.keys(targets))}\n`);
      return 0;
    }
    await buildServices(session, session.project.services, options);
    return 0;
  },
});
