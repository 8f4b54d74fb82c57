import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { VirDomain } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../../context.ts";
import { number, text } from "../../flags.ts";
import { awaitAddress } from "../addresses.ts";
import { openMachine } from "../connect-machine.ts";
import { inTime } from "../in-time.ts";
import { apiFlags, type Hypercore } from "../open-hypercore.ts";
import { sshFilesOf } from "../ssh-key.ts";

const usualTimeoutS = 60;

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags] [USER@]MACHINE [COMMAND [ARG...]]",
  about: [
    "Runs ssh to a machine: at the address that its guest agent tells or that it was leased, with the key that 'gantry vm create' and",
    "'deploy' have put in, as root unless a user is named. A machine's host key is taken at its first connection and asked for by",
    "its uuid from then on.",
  ].join("\n"),
  flags: {
    identity: text("FILE", "Another key", "i", { complete: "file" }),
    timeout: number("SECONDS", "How long to wait for its address", undefined, {
      shownDefault: String(usualTimeoutS),
    }),
    ...apiFlags,
  },
  operands: [1, Infinity],
  flagsFirst: true,
  complete: ["running-machine", "command"],
  examples: [
    ["gantry vm ssh web", "a shell"],
    ["gantry vm ssh debian@web uname -a", "a command, as another user"],
  ],
  exitCodes: [
    [1, "it does not run, or has no address"],
    [255, "ssh could not connect; other codes are the command's"],
  ],
  async run(context, values, [target = "", ...words]) {
    const at = target.lastIndexOf("@");
    const user = at < 0 ? "root" : target.slice(0, at);
    if (user === "" || user.startsWith("-"))
      throw new Fault("invalid", `${target}: there is no user ${user}`);
    const machine = await openMachine(context, values, target.slice(at + 1));
    const address = await addressOf(context, machine, values.timeout ?? usualTimeoutS);
    const options = sshOptions(context.instance.root, machine.vm.uuid, values.identity);
    context.takeSignals();
    // What follows `--` is no option, whatever it looks like.
    return await runSsh([...options, "-l", user, "--", address, ...words]);
  },
});

async function addressOf(
  { instance, signal }: Context,
  machine: Hypercore & { readonly vm: VirDomain },
  timeoutS: number,
): Promise<string> {
  const { uuid, name } = machine.vm;
  const wanted = { uuid, root: instance.root, whenOff: `${name} does not run` };
  const { address } = await inTime(
    timeoutS,
    async (inner) => await awaitAddress(machine, wanted, inner),
    () => `${name} has no address after ${timeoutS} seconds`,
    signal,
  );
  return address;
}

/** Names a machine by its uuid in the file of host keys: addresses are given to others again. */
function sshOptions(root: string, uuid: string, given: string | undefined): readonly string[] {
  const { key, knownHosts } = sshFilesOf(root);
  const identity = given ?? (existsSync(key) ? key : undefined);
  const options = {
    HostKeyAlias: uuid,
    UserKnownHostsFile: knownHosts,
    StrictHostKeyChecking: "accept-new",
    ...(identity !== undefined && { IdentitiesOnly: "yes" }),
    LogLevel: "ERROR",
  };
  return [
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(identity === undefined ? [] : ["-i", identity]),
  ];
}

/** As if it had been called: its streams are ours, and so is its exit code. */
async function runSsh(args: readonly string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn("ssh", [...args], { stdio: "inherit" });
  child.once("error", (error: NodeJS.ErrnoException) =>
    reject(error.code === "ENOENT" ? new Fault("precondition", "ssh is not installed") : error),
  );
  child.once("close", (code) => resolve(code ?? 255));
  return await promise;
}
