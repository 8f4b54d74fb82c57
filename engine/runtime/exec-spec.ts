import { Fault } from "#base/fault.ts";
import { planEnvironment } from "./environment.ts";
import type { PlanExec, ProcessSpec } from "./runtime-spec.ts";
import { capabilitySets, consoleSizeOf } from "./spec.ts";

/**
 * Plans the process of an exec: as the container's own in everything that confines it, with its own program, user, terminal
 * and environment. A privileged exec gets the host's capabilities but stays behind the container's seccomp filter.
 *
 * @throws {Fault} `invalid` without a command or for a working directory that is not absolute
 */
export const planExec: PlanExec = (container, config, _hostConfig, exec, user, host): ProcessSpec => {
  const args = exec.Cmd ?? [];
  if (args.length === 0) throw new Fault("invalid", "No exec command specified");
  const isTerminal = exec.Tty ?? false;
  const capabilities = exec.Privileged ? host.capabilities : (container.capabilities?.bounding ?? []);
  return {
    terminal: isTerminal,
    ...consoleSizeOf(isTerminal, exec.ConsoleSize),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args,
    env: planEnvironment({
      hostname: config.Hostname,
      isTerminal,
      home: user.home,
      variables: [...config.Env, ...(exec.Env ?? [])],
    }),
    cwd: workingDirOf(exec.WorkingDir, container.cwd),
    capabilities: capabilitySets(capabilities, user),
    rlimits: container.rlimits,
    noNewPrivileges: container.noNewPrivileges,
    ...(container.oomScoreAdj === undefined ? {} : { oomScoreAdj: container.oomScoreAdj }),
    ...(container.apparmorProfile === undefined ? {} : { apparmorProfile: container.apparmorProfile }),
  };
};

function workingDirOf(asked: string | undefined, otherwise: string): string {
  if (asked === undefined || asked === "") return otherwise;
  if (!asked.startsWith("/")) throw new Fault("invalid", `Cwd must be an absolute path: ${asked}`);
  return asked;
}
