import type { Entries, Entry } from "../command-tree.ts";
import type { Command } from "../context.ts";

function command(summary: string, load: () => Promise<{ readonly command: Command }>): Entry {
  return { kind: "command", summary, load: async () => (await load()).command };
}

/** `gantry compose …`, each loaded when it is used. */
export const composeCommands: Entries = {
  attach: command(
    "Attach local standard input, output, and error streams to a service's running container",
    () => import("./commands/attach.ts"),
  ),
  build: command("Build or rebuild services", () => import("./commands/build.ts")),
  commit: command(
    "Create a new image from a service container's changes",
    () => import("./commands/commit.ts"),
  ),
  config: command(
    "Parse, resolve and render compose file in canonical format",
    () => import("./commands/config.ts"),
  ),
  cp: command(
    "Copy files/folders between a service container and the local filesystem",
    () => import("./commands/cp.ts"),
  ),
  create: command("Creates containers for a service", () => import("./commands/create.ts")),
  down: command("Stop and remove containers, networks", () => import("./commands/down.ts")),
  events: command("Receive real time events from containers", () => import("./commands/events.ts")),
  exec: command("Execute a command in a running container", () => import("./commands/exec.ts")),
  export: command(
    "Export a service container's filesystem as a tar archive",
    () => import("./commands/export.ts"),
  ),
  images: command("List images used by the created containers", () => import("./commands/images.ts")),
  kill: command("Force stop service containers", () => import("./commands/kill.ts")),
  logs: command("View output from containers", () => import("./commands/logs.ts")),
  ls: command("List running compose projects", () => import("./commands/ls.ts")),
  pause: command("Pause services", () => import("./commands/pause.ts")),
  port: command("Print the public port for a port binding", () => import("./commands/port.ts")),
  ps: command("List containers", () => import("./commands/ps.ts")),
  pull: command("Pull service images", () => import("./commands/pull.ts")),
  push: command("Push service images", () => import("./commands/push.ts")),
  restart: command("Restart service containers", () => import("./commands/restart.ts")),
  rm: command("Removes stopped service containers", () => import("./commands/rm.ts")),
  run: command("Run a one-off command on a service", () => import("./commands/run.ts")),
  scale: command("Scale services", () => import("./commands/scale.ts")),
  start: command("Start services", () => import("./commands/start.ts")),
  stats: command(
    "Display a live stream of container(s) resource usage statistics",
    () => import("./commands/stats.ts"),
  ),
  stop: command("Stop services", () => import("./commands/stop.ts")),
  top: command("Display the running processes", () => import("./commands/top.ts")),
  unpause: command("Unpause services", () => import("./commands/unpause.ts")),
  up: command("Create and start containers", () => import("./commands/up.ts")),
  version: command("Show the Docker Compose version information", () => import("./commands/version.ts")),
  volumes: command("List volumes", () => import("./commands/volumes.ts")),
  wait: command(
    "Block until containers of all (or specified) services stop.",
    () => import("./commands/wait.ts"),
  ),
  watch: command(
    "Watch build context for service and rebuild/refresh containers when files are updated",
    () => import("./commands/watch.ts"),
  ),
};
