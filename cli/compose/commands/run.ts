import { randomBytes } from "node:crypto";
import { type Context, defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool, type FlagValues, list, text } from "../../flags.ts";
import { makeContainer, type Roster } from "../converge/container.ts";
import { createProject } from "../converge/create.ts";
import { ensureImages } from "../converge/images.ts";
import { ensureNetworks, ensureVolumes } from "../converge/networks.ts";
import { observe } from "../converge/observe.ts";
import { startProject } from "../converge/start.ts";
import { joinStreams } from "../engine/interactive.ts";
import type { Service } from "../model.ts";
import { openSession } from "../open-session.ts";
import { withRunFlags } from "../run-flags.ts";
import type { Session } from "../session.ts";

const flags = {
  build: bool("Build image before starting container"),
  "cap-add": list("list", "Add Linux capabilities"),
  "cap-drop": list("list", "Drop Linux capabilities"),
  detach: bool("Run container in background and print container ID", "d"),
  entrypoint: text("string", "Override the entrypoint of the image"),
  env: list("stringArray", "Set environment variables", "e"),
  "env-from-file": list("stringArray", "Set environment variables from file"),
  interactive: bool("Keep STDIN open even if not attached", "i", { isOn: true }),
  label: list("stringArray", "Add or override a label", "l"),
  name: text("string", "Assign a name to the container"),
  "no-TTY": bool("Disable pseudo-TTY allocation (default: auto-detected)", "T"),
  "no-deps": bool("Don't start linked services"),
  publish: list("stringArray", "Publish a container's port(s) to the host", "p"),
  pull: text("string", 'Pull image before running ("always"|"missing"|"never")'),
  quiet: bool("Don't print anything to STDOUT", "q"),
  "quiet-build": bool("Suppress progress output from the build process"),
  "quiet-pull": bool("Pull without printing progress information"),
  "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
  rm: bool("Automatically remove the container when it exits"),
  "service-ports": bool("Run command with all service's ports enabled and mapped to the host", "P"),
  "use-aliases": bool("Use the service's network useAliases in the network(s) the container connects to"),
  user: text("string", "Run as specified username or uid", "u"),
  volume: list("stringArray", "Bind mount a volume", "v"),
  workdir: text("string", "Working directory inside the container", "w"),
} as const;

type Values = FlagValues<typeof flags>;

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
  about: "Run a one-off command on a service",
  flags,
  operands: [1, Infinity],
  flagsFirst: true,
  examples: [["gantry compose run --rm web sh -c 'ls /'", "and nothing is left of it"]],
  async run(context, values, [name = "", ...words]) {
    const session = await openSession(context, { services: [name], withDependencies: !values["no-deps"] });
    using _ = session.progress;
    const own = session.project.services.get(name);
    if (own === undefined) throw new Exit(1, `no such service: ${name}`);
    const isTerminal = !values["no-TTY"] && !values.detach && context.out.isTerminal && process.stdin.isTTY;
    const service = await withRunFlags(context, session.project, own, words, values, isTerminal);
    await prepare(session, name, values);
    return await runOneoff(context, session, name, service, values, isTerminal);
  },
});

/** What the command's service depends on runs before it. */
async function prepare(session: Session, name: string, values: Values): Promise<void> {
  const { project } = session;
  const others = new Map([...project.services].filter(([other]) => other !== name));
  const dependencies = { ...session, project: { ...project, services: others, disabled: project.services } };
  if (others.size > 0) {
    await createProject(dependencies, {
      images: { build: "missing", isQuiet: values["quiet-build"] },
      services: [...others.keys()],
      recreate: "never",
      recreateDependencies: "never",
      renewAnonymous: false,
      removeOrphans: values["remove-orphans"],
      ignoreOrphans: true,
    });
    await startProject(dependencies);
  }
  await ensureNetworks(session);
  await ensureVolumes(session);
}

async function runOneoff(
  context: Context,
  session: Session,
  name: string,
  service: Service,
  values: Values,
  isTerminal: boolean,
): Promise<number> {
  const { client, project, signal } = session;
  const slug = randomBytes(32).toString("hex");
  const alone = { ...session, project: { ...project, services: new Map([[name, service]]) } };
  const imageIds = await ensureImages(alone, {
    ...(values.pull === undefined ? {} : { pull: values.pull }),
    build: values.build ? "always" : "missing",
    isQuiet: values["quiet-build"],
  });
  const roster: Roster = new Map();
  for (const { service: other, id, name: own, isOneoff } of await observe(session, project.name))
    if (!isOneoff) roster.set(other, [...(roster.get(other) ?? []), { id, name: own }]);
  const { id } = await makeContainer(alone, roster, name, service, {
    number: 1,
    name: values.name ?? `${project.name}-${name}-run-${slug.slice(0, 12)}`,
    imageId: imageIds.get(name) ?? "",
    inherited: new Map(),
    oneoff: {
      slug,
      useAliases: values["use-aliases"],
      isStdinAttached: values.interactive && !values.detach,
    },
  });
  if (values.detach) {
    await client.startContainer(id, signal);
    context.out.write(`${id}\n`);
    return 0;
  }
  const connection = await client.attachContainer(
    id,
    { stdin: values.interactive, stdout: true, stderr: true },
    signal,
  );
  const { ended } = await client.waitContainer(id, "next-exit", signal);
  try {
    await client.startContainer(id, signal);
    await joinStreams(context, connection, {
      isTerminal,
      hasStdin: values.interactive,
      resize: (size) => client.resizeContainer(id, size, signal),
    });
    return (await ended).StatusCode;
  } finally {
    connection.close();
    if (values.rm)
      await client.removeContainer(id, AbortSignal.timeout(30_000), { force: true, volumes: true });
  }
}
