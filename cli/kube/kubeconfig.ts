import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Context } from "../context.ts";
import { KubeFailure } from "./failure.ts";

/** What a kubeconfig's context comes to. */
export interface ClusterAccess {
  readonly server: URL;
  readonly namespace: string;
  /** PEM. */
  readonly authority?: string;
  /** PEM. */
  readonly client?: { readonly cert: string; readonly key: string };
  readonly token?: string;
}

export interface AccessOptions {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly server: string | undefined;
  readonly token: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

interface Named {
  readonly name: string;
  readonly fields: Fields;
  /** Of the file that it stands in. */
  readonly folder: string;
}

interface Kubeconfig {
  readonly current: string;
  readonly clusters: readonly Named[];
  readonly users: readonly Named[];
  readonly contexts: readonly Named[];
}

/**
 * Reads how to reach the cluster: from the file that is named, those of KUBECONFIG, this machine's cluster, or ~/.kube/config.
 *
 * @throws {KubeFailure}
 */
export async function readAccess(context: Context, options: AccessOptions): Promise<ClusterAccess> {
  const { load } = await import("js-yaml");
  const config = merge(filesOf(context, options).map((file) => readFile(file, load)));
  const name = options.context ?? config.current;
  const chosen = find(config.contexts, name);
  if (options.context !== undefined && chosen === undefined)
    throw new KubeFailure(`error: context ${JSON.stringify(name)} does not exist`);
  const cluster = find(config.clusters, textOf(chosen?.fields, "cluster"));
  const user = find(config.users, textOf(chosen?.fields, "user"));
  const server = options.server ?? textOf(cluster?.fields, "server") ?? "http://localhost:8080";
  const authority = pemOf(cluster, "certificate-authority");
  return {
    server: addressOf(server, cluster),
    namespace: textOf(chosen?.fields, "namespace") ?? "default",
    ...(authority !== undefined && { authority }),
    ...credentialsOf(user, options.token),
  };
}

function filesOf({ env, instance }: Context, { kubeconfig }: AccessOptions): readonly string[] {
  if (kubeconfig !== undefined) return [kubeconfig];
  const listed = (env["KUBECONFIG"] ?? "").split(":").filter((path) => path !== "");
  if (listed.length > 0) return listed.filter((path) => existsSync(path));
  const candidates = [join(instance.root, "kubeconfig"), join(env["HOME"] ?? "/root", ".kube/config")];
  return candidates.filter((path) => existsSync(path)).slice(0, 1);
}

function readFile(path: string, load: (text: string) => unknown): Kubeconfig {
  const read = (): unknown => {
    try {
      return load(readFileSync(path, "utf8"));
    } catch (error) {
      throw new KubeFailure(
        `error: error loading config file ${JSON.stringify(path)}: ${reasonOf(error, path)}`,
      );
    }
  };
  const document = (read() ?? {}) as Fields;
  const named = (list: string, member: string): readonly Named[] =>
    ((document[list] ?? []) as readonly Fields[]).map((entry) => ({
      name: String(entry["name"] as string),
      fields: (entry[member] ?? {}) as Fields,
      folder: dirname(resolve(path)),
    }));
  return {
    current: textOf(document, "current-context") ?? "",
    clusters: named("clusters", "cluster"),
    users: named("users", "user"),
    contexts: named("contexts", "context"),
  };
}

function reasonOf(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return `open ${path}: no such file or directory`;
  return code === "EACCES" ? `open ${path}: permission denied` : message;
}

/** The first file that says something counts. */
function merge(files: readonly Kubeconfig[]): Kubeconfig {
  return {
    current: files.find(({ current }) => current !== "")?.current ?? "",
    clusters: files.flatMap(({ clusters }) => clusters),
    users: files.flatMap(({ users }) => users),
    contexts: files.flatMap(({ contexts }) => contexts),
  };
}

function find(all: readonly Named[], name: string | undefined): Named | undefined {
  return name === undefined ? undefined : all.find((one) => one.name === name);
}

function textOf(fields: Fields | undefined, name: string): string | undefined {
  const value = fields?.[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Either in the file itself, in base64, or in one of its own. */
function pemOf(of: Named | undefined, name: string): string | undefined {
  const data = textOf(of?.fields, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, "base64").toString();
  const path = textOf(of?.fields, name);
  return path === undefined || of === undefined ? undefined : readPem(resolve(of.folder, path));
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new KubeFailure(`error: unable to read ${path}: ${reasonOf(error, path)}`);
  }
}

function credentialsOf(
  user: Named | undefined,
  token: string | undefined,
): Pick<ClusterAccess, "client" | "token"> {
  const refused = ["exec", "auth-provider", "username"].find((name) => user?.fields[name] !== undefined);
  if (refused !== undefined && token === undefined)
    throw new KubeFailure(
      `error: users[${user?.name}].${refused}: this way to log in is not there; use kubectl`,
    );
  const [cert, key] = [pemOf(user, "client-certificate"), pemOf(user, "client-key")];
  const file = textOf(user?.fields, "tokenFile");
  const bearer =
    token ?? textOf(user?.fields, "token") ?? (file === undefined ? undefined : readPem(file).trim());
  return {
    ...(cert !== undefined && key !== undefined && { client: { cert, key } }),
    ...(bearer !== undefined && { token: bearer }),
  };
}

function addressOf(text: string, cluster: Named | undefined): URL {
  const refused = ["insecure-skip-tls-verify", "proxy-url", "tls-server-name"].find(
    (name) => cluster?.fields[name],
  );
  if (refused !== undefined)
    throw new KubeFailure(`error: clusters[${cluster?.name}].${refused} is not there; use kubectl`);
  if (!URL.canParse(text)) throw new KubeFailure(`error: invalid server address ${JSON.stringify(text)}`);
  return new URL(text);
}
