import { isServedPath, type OpenApi, type Parameter, servedDefinitions } from "./specification.ts";

const alwaysThere = new Set([
  "/.well-known/openid-configuration/",
  "/api/",
  "/apis/",
  "/openid/v1/jwks/",
  "/version/",
]);

/** The specification without what is not served: paths, the definitions they need, and the parameters they share. */
export function openApiData(openApi: OpenApi): unknown {
  const served = new Set(
    Object.keys(openApi.paths).flatMap((path) => (isServedPath(path) ? [path.split("/")[2] ?? ""] : [])),
  );
  const paths = Object.entries(openApi.paths).filter(
    ([path]) =>
      isServedPath(path) || alwaysThere.has(path) || served.has(/^\/apis\/([^/]+)\/$/.exec(path)?.[1] ?? ""),
  );
  const text = JSON.stringify(paths);
  const parameters: Record<string, Parameter> = Object.fromEntries(
    Object.entries(openApi.parameters).filter(([name]) => text.includes(`#/parameters/${name}"`)),
  );
  return {
    definitions: Object.fromEntries(servedDefinitions(openApi)),
    parameters,
    paths: Object.fromEntries(paths),
  };
}
