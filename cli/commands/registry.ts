import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { lockFolder } from "../instance/lock.ts";
import { planRegistryServer, registryServerFlags } from "../instance/registry-server-flags.ts";
import { isTerminalDevice } from "../output/terminal.ts";

/** 2^10 rounds of bcrypt: some 60 ms a try. */
const bcryptCost = 10;

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  asksNobody: true,
  usage: "[flags]\npassword NAME",
  about: [
    "Runs a registry in the foreground, for docker, podman, skopeo and whatever else pushes and pulls images. It keeps them in the",
    "folder of --root, in the same store as an engine: while one runs there, 'gantry up --registry' lets that serve it.",
    "SIGTERM and SIGINT stop it; uploads under way go on with the next one. SIGHUP reads the certificates again.",
    "'password' reads a password and prints a line for the file of --htpasswd.",
  ].join("\n"),
  flags: registryServerFlags,
  operands: [0, 2],
  complete: [["password"]],
  examples: [
    ["gantry registry --root /srv/registry", "for this machine, on 127.0.0.1:5000"],
    ["gantry registry password alice >> users", "let alice in"],
    [
      "gantry registry --listen :443 --tlscert cert.pem --tlskey key.pem --htpasswd users --anonymous read",
      "for all: everybody pulls, users push",
    ],
    ["gantry up --registry", "an engine that serves one itself"],
  ],
  exitCodes: [
    [0, "stopped by a signal"],
    [1, "could not start, or an engine uses the same folder"],
  ],
  async run(context, values, operands) {
    const [verb, name] = operands;
    if (verb === undefined) return await serve(context, values);
    if (verb !== "password") throw new Fault("invalid", `unknown command: gantry registry ${verb}`);
    return await printPassword(context, name);
  },
});

async function serve(context: Context, values: Parameters<typeof planRegistryServer>[0]): Promise<number> {
  const { instance, services, signal } = context;
  const server = planRegistryServer(values);
  using _root = lockRoot(instance.root);
  await using _registry = await services.openRegistry({
    root: instance.root,
    logLevel: instance.logLevel,
    server,
  });
  if (!signal.aborted) await once(signal, "abort");
  return 0;
}

function lockRoot(root: string): Disposable {
  try {
    return lockFolder(root);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new Fault(
      "conflict",
      `${error.message}: let it serve the registry, with 'gantry up --registry', or take another folder with --root`,
      { cause: error },
    );
  }
}

async function printPassword({ out, err }: Context, name: string | undefined): Promise<number> {
  if (name === undefined || name === "" || /[:\s]/.test(name))
    throw new Fault("invalid", "name the user, without blanks and colons: gantry registry password NAME");
  const password = await readPassword(err);
  if (password === "" || Buffer.byteLength(password) > 72)
    throw new Fault("invalid", "a password has 1 to 72 bytes: bcrypt looks at no more");
  const { hashPassword } = await import("#host/crypt.ts");
  out.write(`${name}:${hashPassword(password, bcryptCost)}\n`);
  return 0;
}

async function readPassword(err: Context["err"]): Promise<string> {
  const { readSecret } = await import("../streams/read-secret.ts");
  if (isTerminalDevice(0)) return await readSecret(err);
  const { readFileSync } = await import("node:fs");
  return readFileSync(0, "utf8").replace(/\r?\n$/, "");
}
