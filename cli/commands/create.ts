import { existsSync, rmSync, writeFileSync } from "node:fs";
import type { CreateBody } from "#api/docker/container.ts";
import { Fault, isFault } from "#base/fault.ts";
import { parseReference } from "#oci/reference.ts";
import { proxyVariables } from "../config/proxies.ts";
import { type Context, defineCommand } from "../context.ts";
import { describeFailure, Exit, isFromDaemon } from "../failure.ts";
import { type ContainerValues, containerBody } from "../options/container-body.ts";
import { containerFlags } from "../options/container-flags.ts";
import { familiarWithTag, pullImage } from "../streams/pull-image.ts";

export const create = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  about: "Creates a container without starting it, and prints its ID.",
  flags: containerFlags,
  operands: [1, Infinity],
  flagsFirst: true,
  complete: ["image", "file"],
  examples: [["gantry create --name job busybox sleep 10", "then: gantry start job"]],
  async run(context, values, [image = "", ...words], given) {
    try {
      const id = await createContainer(context, values, image, words, given);
      context.out.write(`${id}\n`);
      return 0;
    } catch (error) {
      if (isFromDaemon(error) || isFault(error, "unavailable")) throw error;
      throw asCreateFailure(error, "create");
    }
  },
});

/** How `run` and `create` tell that there is no container. */
export function asCreateFailure(error: unknown, verb: "run" | "create", code = 125): Exit {
  return new Exit(
    code,
    `gantry: ${describeFailure(error)}\n\nRun 'gantry ${verb} --help' for more information`,
  );
}

/** Creates the container that the flags describe, pulling its image where that is wanted. Resolves to its ID. */
export async function createContainer(
  context: Context,
  values: ContainerValues,
  image: string,
  words: readonly string[],
  given: ReadonlySet<string>,
): Promise<string> {
  checkPull(values.pull);
  const proxies = proxyVariables(context.config().content.proxies, context.env);
  const body = containerBody({ values, given, image, words, env: context.env, proxies });
  if (!/^(sha256:)?[0-9a-f]{64}$/.test(image)) parseReference(image);
  const { cidfile } = values;
  if (cidfile !== undefined && existsSync(cidfile))
    throw new Fault(
      "conflict",
      `container ID file found, make sure the other container isn't running or delete ${cidfile}`,
    );
  const id = await createWithImage(context, values, image, body);
  if (cidfile !== undefined) writeCid(cidfile, id);
  return id;
}

function checkPull(pull: string | undefined): void {
  if (pull !== undefined && !["always", "missing", "never", ""].includes(pull))
    throw new Fault(
      "invalid",
      `invalid pull option: '${pull}': must be one of "always", "missing" or "never"`,
    );
}

async function createWithImage(
  context: Context,
  values: ContainerValues,
  image: string,
  body: CreateBody,
): Promise<string> {
  const { err, signal } = context;
  const platform = values.platform ?? context.env["DOCKER_DEFAULT_PLATFORM"];
  const pull = async () => await pullImage(context, image, { platform, quiet: values.quiet, out: err });
  const ask = async () =>
    await context.engine().createContainer(values.name ?? "", body, signal, { platform });
  if (values.pull === "always") await pull();
  let answer: Awaited<ReturnType<typeof ask>>;
  try {
    answer = await ask();
  } catch (error) {
    const isMissing = isFault(error, "not-found") && /no such image/i.test(error.message);
    if (!isMissing || values.pull === "never" || values.pull === "always") throw error;
    if (!values.quiet) err.write(`Unable to find image '${familiarWithTag(image)}' locally\n`);
    await pull();
    answer = await ask();
  }
  for (const warning of answer.Warnings ?? []) err.write(`WARNING: ${warning}\n`);
  return answer.Id;
}

function writeCid(path: string, id: string): void {
  try {
    writeFileSync(path, id, { flag: "wx" });
  } catch (error) {
    rmSync(path, { force: true });
    throw new Fault("invalid", `failed to create the container ID file: ${String(error)}`);
  }
}
