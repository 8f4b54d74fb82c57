import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { describeFailure, Exit } from "../failure.ts";
import { bool, number, text } from "../flags.ts";

/**
 * Does something to each container and prints the names of those where it worked. Those where it did not are told of, and the
 * code is 1.
 */
export async function forEachName(
  { out, err, signal }: Context,
  names: readonly string[],
  act: (name: string) => Promise<string | undefined>,
): Promise<number> {
  const results = await Promise.allSettled(names.map(act));
  const failures: string[] = [];
  results.forEach((result, index) => {
    if (result.status === "fulfilled") out.write(`${result.value ?? names[index]}\n`);
    else failures.push(describeFailure(result.reason));
  });
  signal.throwIfAborted();
  if (failures.length > 0) err.write(`${failures.join("\n")}\n`);
  return failures.length === 0 ? 0 : 1;
}

const signalFlag = text("string", "Signal to send", "s", {
  complete: ["SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"],
});
const timeoutFlags = {
  signal: signalFlag,
  timeout: number("int", "Seconds to end in before it is killed", "t"),
  time: number("int", "Seconds to end in before it is killed", undefined, { hidden: true }),
} as const;
const each = { usage: "[OPTIONS] CONTAINER [CONTAINER...]", operands: [1, Infinity] } as const;

export const stop = defineCommand({
  ...each,
  about: "Asks containers to end, and kills those that do not in time.",
  flags: timeoutFlags,
  complete: ["running-container"],
  examples: [["gantry stop -t 3 web", "three seconds, then SIGKILL"]],
  async run(context, values, refs) {
    const options = stopOptions(context, values);
    return await forEachName(context, refs, async (ref) => {
      await context.engine().stopContainer(ref, options, context.signal);
      return undefined;
    });
  },
});

export const restart = defineCommand({
  ...each,
  about: "Stops containers and starts them again.",
  flags: timeoutFlags,
  complete: ["container"],
  examples: [["gantry restart web", "as stop and start"]],
  async run(context, values, refs) {
    const options = stopOptions(context, values);
    return await forEachName(context, refs, async (ref) => {
      await context.engine().restartContainer(ref, options, context.signal);
      return undefined;
    });
  },
});

function stopOptions(
  { err }: Context,
  values: {
    readonly signal: string | undefined;
    readonly timeout: number | undefined;
    readonly time: number | undefined;
  },
) {
  if (values.time !== undefined) {
    if (values.timeout !== undefined)
      throw new Fault("invalid", "conflicting options: cannot specify both --timeout and --time");
    err.write("Flag --time has been deprecated, use --timeout instead\n");
  }
  return { signalName: values.signal, timeoutS: values.timeout ?? values.time };
}

export const kill = defineCommand({
  ...each,
  about: "Sends the main process of containers a signal, SIGKILL unless another is named.",
  flags: { signal: signalFlag },
  complete: ["running-container"],
  examples: [["gantry kill -s HUP web", "a signal of your choice"]],
  run: async (context, { signal }, refs) =>
    await forEachName(context, refs, async (ref) => {
      await context.engine().killContainer(ref, signal, context.signal);
      return undefined;
    }),
});

export const pause = defineCommand({
  ...each,
  usage: "CONTAINER [CONTAINER...]",
  about: "Freezes every process of containers.",
  flags: {},
  complete: ["running-container"],
  examples: [["gantry pause web", "until gantry unpause web"]],
  run: async (context, _values, refs) =>
    await forEachName(context, refs, async (ref) => {
      await context.engine().pauseContainer(ref, context.signal);
      return undefined;
    }),
});

export const unpause = defineCommand({
  ...each,
  usage: "CONTAINER [CONTAINER...]",
  about: "Lets paused containers go on.",
  flags: {},
  complete: ["running-container"],
  examples: [["gantry unpause web", "after gantry pause web"]],
  run: async (context, _values, refs) =>
    await forEachName(context, refs, async (ref) => {
      await context.engine().unpauseContainer(ref, context.signal);
      return undefined;
    }),
});

export const rm = defineCommand({
  ...each,
  about: "Removes containers.",
  flags: {
    force: bool("Kill it first when it runs", "f"),
    link: bool("Remove the link, not the container", "l"),
    volumes: bool("Remove its anonymous volumes too", "v"),
  },
  complete: ["container"],
  examples: [
    ["gantry rm job", "one that has ended"],
    ["gantry rm -f $(gantry ps -aq)", "all of them"],
  ],
  async run(context, { force, link, volumes }, refs) {
    return await forEachName(context, refs, async (ref) => {
      const name = ref.replace(/^\//, "");
      if (name === "") throw new Exit(1, "container name cannot be empty");
      await context.engine().removeContainer(name, context.signal, { force, link, volumes });
      return undefined;
    });
  },
});

export const wait = defineCommand({
  ...each,
  usage: "CONTAINER [CONTAINER...]",
  about: "Waits until containers end and prints their exit codes.",
  flags: {},
  complete: ["running-container"],
  examples: [["gantry wait job", "prints 0 when all went well"]],
  run: async (context, _values, refs) =>
    await forEachName(context, refs, async (ref) => {
      const { ended } = await context.engine().waitContainer(ref, "not-running", context.signal);
      const { StatusCode, Error: failure } = await ended;
      if (failure?.Message) throw new Fault("internal", failure.Message);
      return String(StatusCode);
    }),
});
