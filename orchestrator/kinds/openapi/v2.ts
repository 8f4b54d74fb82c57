import { inOpenApiV2 } from "../custom/publish.ts";
import { type Published, readSpecification, type SchemaNode } from "./source.ts";

/** @see OpenAPI Specification 2.0 */
export interface OpenApiV2 extends Published {
  readonly swagger: "2.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly parameters: Readonly<Record<string, SchemaNode>>;
  readonly securityDefinitions: SchemaNode;
  readonly security: readonly SchemaNode[];
}

/**
 * The document that `/openapi/v2` serves: the built-in kinds and what custom resources add.
 *
 * @param version of the server, e.g. `v1.36.0`
 */
export function openApiV2(version: string, added: readonly Published[]): OpenApiV2 {
  const { definitions, parameters, paths } = readSpecification();
  return {
    swagger: "2.0",
    info: { title: "Kubernetes", version },
    paths: Object.assign({}, paths, ...added.map((each) => each.paths)),
    definitions: Object.assign({}, definitions, ...added.map((each) => inOpenApiV2(each).definitions)),
    parameters,
    securityDefinitions: { BearerToken: bearerToken },
    security: [{ BearerToken: [] }],
  };
}

export const bearerToken: SchemaNode = {
  description: "Bearer Token authentication",
  in: "header",
  name: "authorization",
  type: "apiKey",
};
