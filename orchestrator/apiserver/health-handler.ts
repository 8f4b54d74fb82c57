import { type ApiAnswer, type ApiRequest, jsonAnswer, textAnswer } from "./api-request.ts";

/** Says in one word what is wrong; undefined when nothing is. */
export type HealthCheck = () => string | undefined;

const versionPaths = new Set(["/version", "/version/"]);

export interface VersionFacts {
  /** The version of the API that is served, e.g. `v1.36.0`. */
  readonly version: string;
  readonly platform: string;
  readonly runtime: string;
}

/** `/version`, `/healthz`, `/livez`, `/readyz` and the checks below them. Undefined for other paths. */
export function answerHealth(
  { path, query }: ApiRequest,
  checks: ReadonlyMap<string, HealthCheck>,
  facts: VersionFacts,
): ApiAnswer | undefined {
  if (versionPaths.has(path)) return jsonAnswer(200, versionOf(facts));
  const [, root, name] = /^\/(healthz|livez|readyz)(?:\/(.+))?$/.exec(path) ?? [];
  if (root === undefined) return undefined;
  if (name !== undefined) {
    const check = checks.get(name);
    if (check === undefined) return textAnswer(404, "404 page not found\n");
    const fault = check();
    return fault === undefined ? textAnswer(200, "ok") : textAnswer(500, `internal server error: ${fault}\n`);
  }
  const excluded = new Set(query.getAll("exclude"));
  const results = Array.from(
    checks,
    ([check, run]) => [check, excluded.has(check) ? undefined : run()] as const,
  );
  const failed = results.some(([, fault]) => fault !== undefined);
  if (!failed && !query.has("verbose")) return textAnswer(200, "ok");
  const lines = results.map(([check, fault]) => {
    if (excluded.has(check)) return `[+]${check} excluded: ok\n`;
    return fault === undefined ? `[+]${check} ok\n` : `[-]${check} failed: reason withheld\n`;
  });
  const text = `${lines.join("")}${root} check ${failed ? "failed" : "passed"}\n`;
  return textAnswer(failed ? 500 : 200, text);
}

function versionOf({ version, platform, runtime }: VersionFacts): Readonly<Record<string, string>> {
  const [, major = "1", minor = "0"] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: `${version}+gantry`,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: runtime,
    compiler: "v8",
    platform,
  };
}
