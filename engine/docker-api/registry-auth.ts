/** What a client says about who it is to a registry. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

const maxLength = 64 * 1024;
const maxConfigLength = 1024 * 1024;
const fields = ["username", "password", "identitytoken", "registrytoken"] as const;

/**
 * Parses `X-Registry-Auth`: JSON in base64, the alphabet of URLs or the other one, padded or not. As in Docker, what makes no sense is
 * as good as nothing: the registry will say so.
 */
export function parseRegistryAuth(header: string): RegistryAuth {
  if (header.length > maxLength) return {};
  try {
    return pick(JSON.parse(Buffer.from(header, "base64url").toString("utf8")));
  } catch {
    return {};
  }
}

/**
 * Parses `X-Registry-Config`, as {@link parseRegistryAuth} for several registries. Returns what there is for one, by its domain.
 */
export function parseRegistryConfig(header: string): (domain: string) => RegistryAuth {
  const configs = new Map<string, RegistryAuth>();
  try {
    const value: unknown =
      header.length > maxConfigLength ? {} : JSON.parse(Buffer.from(header, "base64url").toString());
    for (const [address, auth] of Object.entries((value ?? {}) as object))
      configs.set(hostOf(address), pick(auth));
  } catch {
    // as good as nothing
  }
  return (domain) => configs.get(domain === "docker.io" ? "index.docker.io" : domain) ?? {};
}

function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function pick(value: unknown): RegistryAuth {
  const object = (typeof value === "object" && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >;
  const auth: { -readonly [key in keyof RegistryAuth]: RegistryAuth[key] } = {};
  for (const name of fields) {
    const found = Object.entries(object).find(([key]) => key.toLowerCase() === name)?.[1];
    if (typeof found === "string") auth[name] = found;
  }
  const [username, password] = decodePair(object["auth"]);
  if (auth.username === undefined && username !== undefined)
    return { ...auth, username, password: password ?? "" };
  return auth;
}

/** `auth` of a configuration file: base64 of NAME:PASSWORD. */
function decodePair(value: unknown): readonly (string | undefined)[] {
  if (typeof value !== "string" || value === "") return [];
  const text = Buffer.from(value, "base64").toString("utf8");
  const at = text.indexOf(":");
  return at < 0 ? [] : [text.slice(0, at), text.slice(at + 1)];
}
