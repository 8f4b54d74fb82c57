import type { ConfigContent } from "./config-file.ts";

const names = {
  httpProxy: "HTTP_PROXY",
  httpsProxy: "HTTPS_PROXY",
  noProxy: "NO_PROXY",
  ftpProxy: "FTP_PROXY",
  allProxy: "ALL_PROXY",
} as const;

/** The variables that the configuration gives containers and builds for the daemon at hand, in both spellings. */
export function proxyVariables(
  proxies: ConfigContent["proxies"],
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const settings = proxies?.[env["DOCKER_HOST"] ?? ""] ?? proxies?.["default"];
  if (settings === undefined) return [];
  return Object.entries(names).flatMap(([key, name]) => {
    const value = settings[key as keyof typeof names];
    return value ? [`${name}=${value}`, `${name.toLowerCase()}=${value}`] : [];
  });
}
