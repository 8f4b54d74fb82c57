import type { RegistryAuth } from "#client/image-calls.ts";
import { type ConfigFile, writeConfigFile } from "./config-file.ts";

/** The key under which Docker Hub's credentials are kept. */
export const hubServer = "https://index.docker.io/v1/";

/** The registry that an image's name means, as a key of the configuration. */
export function registryOf(name: string): string {
  const first = name.split("/", 1)[0] ?? "";
  const isHost = name.includes("/") && (/[.:]/.test(first) || first === "localhost");
  if (!isHost || first === "docker.io" || first === "index.docker.io") return hubServer;
  return first;
}

/** What is known of a registry: from a helper where one is configured, from the file otherwise; empty when nothing is. */
export async function readAuth(config: ConfigFile, server: string): Promise<RegistryAuth> {
  const helper = helperFor(config, server);
  if (helper !== undefined) return await readFromHelper(helper, server);
  const auths = config.content.auths ?? {};
  const key = Object.keys(auths).find((name) => name === server || hostOf(name) === hostOf(server));
  const stored = key === undefined ? undefined : auths[key];
  if (stored === undefined) return {};
  const { auth, ...rest } = stored;
  if (!auth) return { ...rest, serveraddress: server };
  const [username = "", ...password] = Buffer.from(auth, "base64").toString().split(":");
  return { ...rest, username, password: password.join(":").replaceAll("\0", ""), serveraddress: server };
}

/** All credentials, for builds. */
export async function readAllAuths(config: ConfigFile): Promise<Readonly<Record<string, RegistryAuth>>> {
  const servers = [
    ...Object.keys(config.content.auths ?? {}),
    ...Object.keys(config.content.credHelpers ?? {}),
  ];
  const found: Record<string, RegistryAuth> = {};
  for (const server of new Set(servers)) found[server] = await readAuth(config, server);
  return found;
}

/** Resolves to where they went: the name of a helper, or undefined for the file. */
export async function storeAuth(
  config: ConfigFile,
  server: string,
  auth: RegistryAuth,
): Promise<string | undefined> {
  const helper = helperFor(config, server);
  const { auths = {} } = config.content;
  if (helper !== undefined) {
    const secret = auth.identitytoken ?? auth.password ?? "";
    const Username = auth.identitytoken === undefined ? (auth.username ?? "") : "<token>";
    await runHelper(helper, "store", JSON.stringify({ ServerURL: server, Username, Secret: secret }));
    writeConfigFile(config, { ...config.content, auths: { ...auths, [server]: {} } });
    return helper;
  }
  const encoded = Buffer.from(`${auth.username ?? ""}:${auth.password ?? ""}`).toString("base64");
  const stored =
    auth.identitytoken === undefined
      ? { auth: encoded }
      : {
          auth: Buffer.from(`${auth.username ?? ""}:`).toString("base64"),
          identitytoken: auth.identitytoken,
        };
  writeConfigFile(config, { ...config.content, auths: { ...auths, [server]: stored } });
  return undefined;
}

export async function eraseAuth(config: ConfigFile, server: string): Promise<void> {
  const helper = helperFor(config, server);
  if (helper !== undefined) await runHelper(helper, "erase", server).catch(() => {});
  const auths = { ...config.content.auths };
  for (const key of Object.keys(auths)) if (hostOf(key) === hostOf(server)) delete auths[key];
  writeConfigFile(config, { ...config.content, auths });
}

function helperFor({ content }: ConfigFile, server: string): string | undefined {
  return content.credHelpers?.[hostOf(server)] ?? content.credHelpers?.[server] ?? content.credsStore;
}

function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, "").split("/", 1)[0] ?? server;
}

async function readFromHelper(helper: string, server: string): Promise<RegistryAuth> {
  try {
    const { Username, Secret } = JSON.parse(await runHelper(helper, "get", server)) as {
      readonly Username: string;
      readonly Secret: string;
    };
    return Username === "<token>"
      ? { identitytoken: Secret, serveraddress: server }
      : { username: Username, password: Secret, serveraddress: server };
  } catch {
    return {};
  }
}

/** @see docker-credential-helpers: the verb as argument, the payload on standard input */
async function runHelper(helper: string, verb: "get" | "store" | "erase", input: string): Promise<string> {
  const { execFile } = await import("node:child_process");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(`docker-credential-${helper}`, [verb], (error, stdout) =>
    error === null ? resolve(stdout) : reject(new Error(stdout.trim() || error.message)),
  );
  child.stdin?.end(input);
  return await promise;
}
