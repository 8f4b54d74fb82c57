import type { AuthConfig } from "#api/cri/messages.ts";
import type { Secret } from "#api/kube/types/core.ts";
import { splitImage } from "./image-reference.ts";

interface Credential {
  /** As the secret has it, e.g. `registry.example.com/team` or `*.example.com`. */
  readonly where: string;
  readonly auth: AuthConfig;
}

/**
 * The credentials that pull secrets have for an image, the most specific first. What is malformed is left out.
 *
 * @see Kubernetes documentation, Images, Interpretation of config.json
 */
export function credentialsFor(image: string, secrets: readonly Secret[]): readonly AuthConfig[] {
  const { registry, path } = splitImage(image);
  return secrets
    .flatMap(credentialsOf)
    .filter(({ where }) => matches(where, registry, path))
    .toSorted((a, b) => b.where.length - a.where.length)
    .map(({ auth }) => auth);
}

function credentialsOf({ type, data }: Secret): readonly Credential[] {
  const isConfig = type === "kubernetes.io/dockerconfigjson";
  const text = data?.[isConfig ? ".dockerconfigjson" : ".dockercfg"];
  if (text === undefined) return [];
  try {
    const parsed = JSON.parse(Buffer.from(text, "base64").toString()) as Readonly<Record<string, unknown>>;
    const auths = (isConfig ? parsed["auths"] : parsed) as Readonly<Record<string, Entry>> | undefined;
    return Object.entries(auths ?? {}).map(([where, entry]) => ({
      where: bare(where),
      auth: authOf(entry, where),
    }));
  } catch {
    return [];
  }
}

interface Entry {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

function authOf(entry: Entry, serverAddress: string): AuthConfig {
  const decoded = Buffer.from(entry.auth ?? "", "base64").toString();
  const colon = decoded.indexOf(":");
  const [username, password] = colon < 0 ? ["", ""] : [decoded.slice(0, colon), decoded.slice(colon + 1)];
  return {
    username: entry.username ?? username,
    password: entry.password ?? password,
    identityToken: entry.identitytoken ?? "",
    registryToken: entry.registrytoken ?? "",
    serverAddress,
  };
}

/** Without scheme, version and final slash. */
function bare(where: string): string {
  return where
    .replace(/^https?:\/\//, "")
    .replace(/\/(v1|v2)?\/?$/, "")
    .replace(/\/+$/, "");
}

function matches(where: string, registry: string, path: string): boolean {
  const slash = where.indexOf("/");
  const host = slash < 0 ? where : where.slice(0, slash);
  const below = slash < 0 ? "" : where.slice(slash + 1);
  const hosts = host === "docker.io" || host === "registry-1.docker.io" ? "index.docker.io" : host;
  return matchesHost(hosts, registry) && (below === "" || path === below || path.startsWith(`${below}/`));
}

/** `*` stands for what one label of the name holds. */
function matchesHost(pattern: string, registry: string): boolean {
  const [wanted, wantedPort = ""] = pattern.split(":");
  const [name, port = ""] = registry.split(":");
  const labels = (wanted ?? "").split(".");
  const actual = (name ?? "").split(".");
  if (wantedPort !== port || labels.length !== actual.length) return false;
  return labels.every((label, index) => {
    const parts = label.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`).test(actual[index] ?? "");
  });
}
