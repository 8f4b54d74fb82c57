import { groupFlags as composeFlags } from "./compose/group-flags.ts";
import type { Command } from "./context.ts";
import type { FlagTable } from "./flags.ts";
import { clusterVerbs, kubeExec, kubeLogs, kubeVerbs } from "./kube/command-tree.ts";
import { orPod } from "./kube/or-pod.ts";

/** A node of the command tree. Commands are loaded when they are used, so that `gantry version` reads one file of them. */
export type Entry =
  | {
      readonly kind: "command";
      readonly summary: string;
      /** Under which heading the program's help shows it. */
      readonly section?: Section;
      /** Other names in the same group. */
      readonly aliases?: readonly string[];
      /** Where else it stands in the tree; for the help. */
      readonly also?: string;
      readonly isHidden?: boolean;
      /** @param words those behind its name */
      load(words: readonly string[]): Promise<Command>;
    }
  | {
      readonly kind: "group";
      readonly summary: string;
      readonly section?: Section;
      readonly isHidden?: boolean;
      /** Flags that stand between the group's name and the command's. */
      readonly flags?: FlagTable;
      readonly entries: Entries | (() => Promise<Entries>);
    };

export type Section = "own" | "cluster" | "common" | "management";
export type Entries = Readonly<Record<string, Entry>>;
type Load = (words: readonly string[]) => Promise<Command>;
type Extra = Omit<Extract<Entry, { kind: "command" }>, "kind" | "summary" | "load">;

function command(summary: string, load: Load, extra: Extra = {}): Entry {
  return { kind: "command", summary, load, ...extra };
}

function group(summary: string, entries: Entries | (() => Promise<Entries>)): Entry {
  return { kind: "group", summary, section: "management", entries };
}

const own = { section: "own" } as const;
const common = { section: "common" } as const;

const run: Load = async () => (await import("./commands/run.ts")).run;
const create: Load = async () => (await import("./commands/create.ts")).create;
const exec: Load = async () => (await import("./commands/exec.ts")).exec;
const ps: Load = async () => (await import("./commands/ps.ts")).ps;
const start: Load = async () => (await import("./commands/start.ts")).start;
const attach: Load = async () => (await import("./commands/attach.ts")).attach;
const stop: Load = async () => (await import("./commands/each-container.ts")).stop;
const restart: Load = async () => (await import("./commands/each-container.ts")).restart;
const kill: Load = async () => (await import("./commands/each-container.ts")).kill;
const pause: Load = async () => (await import("./commands/each-container.ts")).pause;
const unpause: Load = async () => (await import("./commands/each-container.ts")).unpause;
const rm: Load = async () => (await import("./commands/each-container.ts")).rm;
const wait: Load = async () => (await import("./commands/each-container.ts")).wait;
const rename: Load = async () => (await import("./commands/rename.ts")).rename;
const update: Load = async () => (await import("./commands/update.ts")).update;
const logs: Load = async () => (await import("./commands/logs.ts")).logs;
const top: Load = async () => (await import("./commands/top.ts")).top;
const stats: Load = async () => (await import("./commands/stats.ts")).stats;
const diff: Load = async () => (await import("./commands/diff.ts")).diff;
const port: Load = async () => (await import("./commands/port.ts")).port;
const cp: Load = async () => (await import("./commands/cp.ts")).cp;
const commit: Load = async () => (await import("./commands/commit.ts")).commit;
const exportIt: Load = async () => (await import("./commands/archives.ts")).exportContainer;
const importIt: Load = async () => (await import("./commands/archives.ts")).importImage;
const load: Load = async () => (await import("./commands/archives.ts")).load;
const save: Load = async () => (await import("./commands/archives.ts")).save;
const images: Load = async () => (await import("./commands/images.ts")).images;
const rmi: Load = async () => (await import("./commands/rmi.ts")).rmi;
const tag: Load = async () => (await import("./commands/tag.ts")).tag;
const history: Load = async () => (await import("./commands/history.ts")).history;
const pull: Load = async () => (await import("./commands/pull.ts")).pull;
const push: Load = async () => (await import("./commands/push.ts")).push;
const build: Load = async () => (await import("./commands/build.ts")).build;
const events: Load = async () => (await import("./commands/events.ts")).events;
const info: Load = async () => (await import("./commands/info.ts")).info;
const inspect: Load = async () => (await import("./commands/inspect.ts")).inspect;

const inspectKind = (kind: "container" | "image" | "network" | "volume" | "context") =>
  command(
    `Show everything about a ${kind}`,
    async () => (await import("./commands/inspect.ts"))[`${kind}Inspect`],
  );

const container: Entries = {
  attach: command("Connect the terminal to a running container", attach, { also: "attach" }),
  commit: command("Make an image of a container's changes", commit, { also: "commit" }),
  cp: command("Copy files between a container and this machine", cp, { also: "cp" }),
  create: command("Create a container without starting it", create, { also: "create" }),
  diff: command("Show what changed in a container's files", diff, { also: "diff" }),
  exec: command("Run a command in a running container", exec, { also: "exec" }),
  export: command("Write a container's files as a tar archive", exportIt, { also: "export" }),
  inspect: inspectKind("container"),
  kill: command("Send containers a signal, SIGKILL by default", kill, { also: "kill" }),
  logs: command("Show what a container has written", logs, { also: "logs" }),
  ls: command("List containers", ps, { aliases: ["list", "ps"], also: "ps" }),
  pause: command("Freeze all processes of containers", pause, { also: "pause" }),
  port: command("Show published ports", port, { also: "port" }),
  prune: command(
    "Remove all stopped containers",
    async () => (await import("./commands/prune.ts")).containerPrune,
  ),
  rename: command("Give a container another name", rename, { also: "rename" }),
  restart: command("Stop and start containers", restart, { also: "restart" }),
  rm: command("Remove containers", rm, { aliases: ["remove"], also: "rm" }),
  run: command("Create a container and run it", run, { also: "run" }),
  start: command("Start stopped containers", start, { also: "start" }),
  stats: command("Watch what containers use", stats, { also: "stats" }),
  stop: command("Stop running containers", stop, { also: "stop" }),
  top: command("Show a container's processes", top, { also: "top" }),
  unpause: command("Let paused containers go on", unpause, { also: "unpause" }),
  update: command("Change limits and restart policy of containers", update, { also: "update" }),
  wait: command("Wait until containers end, and print their exit codes", wait, { also: "wait" }),
};

const image: Entries = {
  bootstrap: command(
    "Make a base image from the distribution's packages",
    async () => (await import("./commands/image-bootstrap.ts")).command,
  ),
  build: command("Build an image from a Dockerfile", build, { also: "build" }),
  history: command("Show the steps an image was made of", history, { also: "history" }),
  import: command("Make an image of a tar archive of files", importIt, { also: "import" }),
  inspect: inspectKind("image"),
  load: command("Load images from an archive", load, { also: "load" }),
  ls: command("List images", images, { aliases: ["list"], also: "images" }),
  outdated: command(
    "List packages that the distribution has newer versions of",
    async () => (await import("./commands/image-outdated.ts")).imageOutdated,
  ),
  prune: command("Remove unused images", async () => (await import("./commands/prune.ts")).imagePrune),
  pull: command("Get an image from a registry", pull, { also: "pull" }),
  push: command("Send an image to a registry", push, { also: "push" }),
  rm: command("Remove images", rmi, { aliases: ["remove"], also: "rmi" }),
  save: command("Write images to an archive", save, { also: "save" }),
  sbom: command(
    "List an image's packages as CycloneDX or SPDX",
    async () => (await import("./commands/image-sbom.ts")).imageSbom,
  ),
  verify: command(
    "Look for images that were altered on disk",
    async () => (await import("./commands/image-verify.ts")).imageVerify,
  ),
  tag: command("Give an image one more name", tag, { also: "tag" }),
  update: command(
    "Renew images, and roll running containers over",
    async () => (await import("./commands/image-update.ts")).imageUpdate,
  ),
};

const network: Entries = {
  connect: command(
    "Connect a container to a network",
    async () => (await import("./commands/network.ts")).connect,
  ),
  create: command("Create a network", async () => (await import("./commands/network.ts")).create),
  disconnect: command(
    "Take a container off a network",
    async () => (await import("./commands/network.ts")).disconnect,
  ),
  inspect: inspectKind("network"),
  ls: command("List networks", async () => (await import("./commands/network-ls.ts")).ls, {
    aliases: ["list"],
  }),
  prune: command("Remove unused networks", async () => (await import("./commands/prune.ts")).networkPrune),
  rm: command("Remove networks", async () => (await import("./commands/network.ts")).rm, {
    aliases: ["remove"],
  }),
};

const volume: Entries = {
  create: command("Create a volume", async () => (await import("./commands/volume.ts")).create),
  inspect: inspectKind("volume"),
  ls: command("List volumes", async () => (await import("./commands/volume.ts")).ls, { aliases: ["list"] }),
  prune: command("Remove unused volumes", async () => (await import("./commands/prune.ts")).volumePrune),
  rm: command("Remove volumes", async () => (await import("./commands/volume.ts")).rm, {
    aliases: ["remove"],
  }),
};

const system: Entries = {
  df: command("Show what takes disk space", async () => (await import("./commands/system-df.ts")).df),
  events: command("Watch what happens in the engine", events, { also: "events" }),
  info: command("Show facts about the engine and its machine", info, { also: "info" }),
  prune: command("Remove everything unused", async () => (await import("./commands/system-prune.ts")).prune),
};

const cachePrune: Load = async () => (await import("./commands/build-cache.ts")).prune;
const cacheUsage: Load = async () => (await import("./commands/build-cache.ts")).du;

const buildHistory: Entries = {
  inspect: command(
    "Show what is known of a build",
    async () => (await import("./commands/build-history.ts")).inspect,
  ),
  logs: command("Print what a build said", async () => (await import("./commands/build-history.ts")).logs),
  ls: command("List builds", async () => (await import("./commands/build-history.ts")).ls),
  rm: command("Forget builds", async () => (await import("./commands/build-history.ts")).rm),
};

const buildx: Entries = {
  bake: command("Build what a file says", async () => (await import("./commands/bake.ts")).bake, {
    aliases: ["f"],
  }),
  build: command("Build an image from a Dockerfile", build, { aliases: ["b"], also: "build" }),
  create: command("Refused", async () => (await import("./commands/buildx.ts")).create, { isHidden: true }),
  du: command("Show what builds keep", cacheUsage),
  history: group("Builds that were", buildHistory),
  inspect: command(
    "Show what is known of the builder",
    async () => (await import("./commands/buildx.ts")).inspect,
  ),
  ls: command("List builders", async () => (await import("./commands/buildx.ts")).ls),
  prune: command("Remove what builds keep", cachePrune),
  rm: command("Refused", async () => (await import("./commands/buildx.ts")).rm, { isHidden: true }),
  stop: command("Refused", async () => (await import("./commands/buildx.ts")).stop, { isHidden: true }),
  use: command("Choose a builder", async () => (await import("./commands/buildx.ts")).use),
  version: command("Show the version", async () => (await import("./commands/buildx.ts")).version),
};

const builder: Entries = {
  build: command("Build an image from a Dockerfile", build, { also: "build" }),
  du: command("Show what builds keep", cacheUsage),
  prune: command("Remove what builds keep", async () => (await import("./commands/prune.ts")).builderPrune),
};

const context: Entries = {
  create: command("Make a context", async () => (await import("./commands/context.ts")).create),
  export: command(
    "Write a context to a file",
    async () => (await import("./commands/context-archive.ts")).exportContext,
  ),
  import: command(
    "Read a context from a file",
    async () => (await import("./commands/context-archive.ts")).importContext,
  ),
  inspect: inspectKind("context"),
  ls: command("List contexts", async () => (await import("./commands/context.ts")).ls, { aliases: ["list"] }),
  rm: command("Remove contexts", async () => (await import("./commands/context.ts")).rm, {
    aliases: ["remove"],
  }),
  show: command("Print the current context's name", async () => (await import("./commands/context.ts")).show),
  update: command("Change a context", async () => (await import("./commands/context.ts")).update),
  use: command("Make a context the current one", async () => (await import("./commands/context.ts")).use),
};

const plugin: Entries = {
  ls: command("List plugins", async () => (await import("./commands/plugin.ts")).ls, { aliases: ["list"] }),
};

const trust: Entries = {
  key: group("Keys to sign with", {
    generate: command("Make a pair of keys", async () => (await import("./commands/trust-key.ts")).generate),
  }),
  policy: group("The engine's trust policy", {
    show: command("Print it", async () => (await import("./commands/trust.ts")).policyShow),
    test: command(
      "Tell what it says of an image",
      async () => (await import("./commands/trust.ts")).policyTest,
    ),
  }),
  sign: command("Sign images", async () => (await import("./commands/trust.ts")).sign),
  verify: command(
    "Tell whether an image may be used, and why",
    async () => (await import("./commands/trust.ts")).verify,
  ),
};

export const commands: Entries = {
  up: command(
    "Start the engine and the cluster in the background",
    async () => (await import("./commands/up.ts")).command,
    own,
  ),
  down: command(
    "Stop containers, pods, the cluster and the engine",
    async () => (await import("./commands/down.ts")).command,
    own,
  ),
  status: command(
    "Show what runs: engine, containers, cluster, pods",
    async () => (await import("./commands/status.ts")).command,
    own,
  ),
  engine: command(
    "Run the engine in the foreground",
    async () => (await import("./commands/engine.ts")).command,
    own,
  ),
  registry: command(
    "Run a registry in the foreground",
    async () => (await import("./commands/registry.ts")).command,
    own,
  ),
  kubeconfig: command(
    "Print what kubectl needs to reach the cluster",
    async () => (await import("./commands/kubeconfig.ts")).command,
    own,
  ),
  server: command(
    "Run a Kubernetes cluster's server in the foreground",
    async () => (await import("./commands/server.ts")).command,
    own,
  ),
  hypervisor: command(
    "Run virtual machines, and serve their API, in the foreground",
    async () => (await import("./commands/hypervisor.ts")).command,
    own,
  ),
  os: group("Make images for virtual machines", async () => ({
    build: command(
      "Make a disk image for virtual machines that run containers",
      async () => (await import("./commands/os-build.ts")).command,
    ),
  })),
  completion: command(
    "Print completion for a shell",
    async () => (await import("./commands/completion.ts")).completion,
    own,
  ),
  ...clusterVerbs,
  run: command("Create a container and run it", run, { ...common, also: "container run" }),
  exec: command("Run a command in a running container or a pod", orPod(exec, kubeExec), {
    ...common,
    also: "container exec",
  }),
  ps: command("List containers", ps, { ...common, also: "container ls" }),
  build: command("Build an image from a Dockerfile", build, { ...common, also: "image build" }),
  pull: command("Get an image from a registry", pull, { ...common, also: "image pull" }),
  push: command("Send an image to a registry", push, { ...common, also: "image push" }),
  images: command("List images", images, { ...common, also: "image ls" }),
  login: command("Log in to a registry", async () => (await import("./commands/login.ts")).login, common),
  logout: command("Log out of a registry", async () => (await import("./commands/login.ts")).logout, common),
  search: command("Search Docker Hub", async () => (await import("./commands/search.ts")).search, common),
  version: command("Show versions", async () => (await import("./commands/version.ts")).version, common),
  info: command("Show facts about the engine and its machine", info, { ...common, also: "system info" }),
  audit: group("The cluster's audit log", async () => ({
    verify: command(
      "Check that nothing was changed or removed",
      async () => (await import("./commands/audit-verify.ts")).command,
      own,
    ),
  })),
  builder: group("Builds", builder),
  buildx: group("Builds by BuildKit, as docker's plugin", buildx),
  compose: {
    ...group(
      "Projects of several containers, as Docker Compose",
      async () => (await import("./compose/command-tree.ts")).composeCommands,
    ),
    flags: composeFlags,
  } as Entry,
  container: group("Containers", container),
  context: group("Contexts: named daemons", context),
  image: group("Images", image),
  kube: group("Objects of the cluster, as kubectl", kubeVerbs),
  manifest: group("Manifests of images for several platforms", async () =>
    (await import("./commands/manifest.ts")).entries(),
  ),
  network: group("Networks", network),
  plugin: group("Plugins", plugin),
  security: group("Check the engine's security", async () => ({
    check: command(
      "Show what could be stricter",
      async () => (await import("./commands/security-check.ts")).command,
      own,
    ),
  })),
  system: group("The engine as a whole", system),
  token: group("Tokens with which nodes join the cluster", async () => ({
    create: command("Make one and print it", async () => (await import("./commands/token.ts")).create, own),
    ls: command("List them", async () => (await import("./commands/token.ts")).ls, own),
  })),
  trust: group("Signatures of images", trust),
  vm: group("Virtual machines", async () => (await import("./vm/command-tree.ts")).vmCommands),
  volume: group("Volumes", volume),
  attach: command("Connect the terminal to a running container", attach, { also: "container attach" }),
  commit: command("Make an image of a container's changes", commit, { also: "container commit" }),
  cp: command("Copy files between a container and this machine", cp, { also: "container cp" }),
  create: command("Create a container without starting it", create, { also: "container create" }),
  diff: command("Show what changed in a container's files", diff, { also: "container diff" }),
  events: command("Watch what happens in the engine", events, { also: "system events" }),
  export: command("Write a container's files as a tar archive", exportIt, { also: "container export" }),
  history: command("Show the steps an image was made of", history, { also: "image history" }),
  import: command("Make an image of a tar archive of files", importIt, { also: "image import" }),
  inspect: command("Show everything about containers, images, networks, volumes", inspect),
  kill: command("Send containers a signal, SIGKILL by default", kill, { also: "container kill" }),
  load: command("Load images from an archive", load, { also: "image load" }),
  logs: command("Show what a container or a pod has written", orPod(logs, kubeLogs), {
    also: "container logs",
  }),
  pause: command("Freeze all processes of containers", pause, { also: "container pause" }),
  port: command("Show published ports", port, { also: "container port" }),
  rename: command("Give a container another name", rename, { also: "container rename" }),
  restart: command("Stop and start containers", restart, { also: "container restart" }),
  rm: command("Remove containers", rm, { also: "container rm" }),
  rmi: command("Remove images", rmi, { also: "image rm" }),
  save: command("Write images to an archive", save, { also: "image save" }),
  start: command("Start stopped containers", start, { also: "container start" }),
  stats: command("Watch what containers use", stats, { also: "container stats" }),
  stop: command("Stop running containers", stop, { also: "container stop" }),
  tag: command("Give an image one more name", tag, { also: "image tag" }),
  top: command("Show a container's processes", top, { also: "container top" }),
  unpause: command("Let paused containers go on", unpause, { also: "container unpause" }),
  update: command("Change limits and restart policy of containers", update, { also: "container update" }),
  wait: command("Wait until containers end, and print their exit codes", wait, { also: "container wait" }),
};

/** The entry of a name or an alias in a group. */
export function findEntry(entries: Entries, name: string): Entry | undefined {
  if (Object.hasOwn(entries, name)) return entries[name];
  return Object.values(entries).find((entry) => entry.kind === "command" && entry.aliases?.includes(name));
}

export async function entriesOf({ entries }: Extract<Entry, { kind: "group" }>): Promise<Entries> {
  return typeof entries === "function" ? await entries() : entries;
}
