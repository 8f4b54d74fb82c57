import { type FieldShape, operationShapes, type OperationShape, typeShapes } from "#api/hypercore/shapes.ts";
import { noBody, type Reply, type Route } from "./route.ts";

/** The API's own description, for programs and for people. */
export function openApiRoutes(): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/rest/v1/openapi.json",
      needs: "open",
      body: noBody,
      handle: () => ({ value: JSON.stringify(openApiDocument()), type: "application/json" }),
    },
    { method: "GET", path: "/rest/v1/docs", needs: "open", body: noBody, handle: docsPage },
  ];
}

/** @see OpenAPI 3.0.3 */
function openApiDocument(): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operationShapes) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = operationOf(operation);
  }
  const schemas = Object.fromEntries(Object.keys(typeShapes).map((name) => [name, schemaOf(name)]));
  return {
    openapi: "3.0.3",
    info: {
      title: "Gantry hypervisor",
      version: "1.2.0",
      description: "Virtual machines by the HyperCore REST API.",
    },
    paths,
    components: {
      schemas,
      securitySchemes: {
        basic: { type: "http", scheme: "basic" },
        session: { type: "apiKey", in: "cookie", name: "sessionID" },
      },
    },
    security: [{ basic: [] }, { session: [] }],
  };
}

function operationOf({ path, purpose, answer, query }: OperationShape): unknown {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = query.map((name) => ({ name, in: "query", schema: { type: "string" } }));
  const content = answer === undefined ? undefined : { "application/json": { schema: referenceTo(answer) } };
  return {
    summary: purpose,
    parameters: [...inPath, ...inQuery],
    responses: { 200: { description: "Done", ...(content !== undefined && { content }) } },
  };
}

function schemaOf(name: string): unknown {
  const shape = typeShapes[name];
  if (shape === undefined || "scalar" in shape) return { type: "string" };
  if ("enum" in shape) return { type: "string", enum: shape.enum };
  const properties = Object.fromEntries(
    Object.entries(shape.fields).map(([field, own]) => [
      field,
      { ...referenceTo(own.type), ...marksOf(own) },
    ]),
  );
  const object = {
    type: "object",
    properties,
    ...(shape.required !== undefined && { required: shape.required }),
  };
  return shape.isArray === true ? { type: "array", items: object } : object;
}

function marksOf(field: FieldShape): Record<string, unknown> {
  return {
    ...(field.default !== undefined && { default: field.default }),
    ...(field.readOnly === true && { readOnly: true }),
    ...(field.writeOnly === true && { writeOnly: true }),
    ...(field.unit !== undefined && { description: `In ${field.unit}` }),
  };
}

function referenceTo(type: string): Record<string, unknown> {
  const [, container, item = ""] = /^(array|map)<(.+)>$/.exec(type) ?? [];
  if (container === "array") return { type: "array", items: referenceTo(item) };
  if (container === "map") return { type: "object", additionalProperties: referenceTo(item) };
  return typeShapes[type] === undefined ? { type } : { $ref: `#/components/schemas/${type}` };
}

function docsPage(): Reply {
  const sections = operationShapes.map(
    ({ method, path, purpose }) =>
      `<tr><td><code class="${method.toLowerCase()}">${method}</code></td><td><code>${escapeHtml(path)}</code></td><td>${escapeHtml(purpose)}</td></tr>`,
  );
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Gantry hypervisor: REST API</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td{padding:.35rem .6rem;border-bottom:1px solid #8884;vertical-align:top}
code{font-family:ui-monospace,monospace}.get{color:#15803d}.post,.put,.patch{color:#b45309}.delete{color:#dc2626}</style>
<h1>REST API</h1>
<p>Virtual machines by the HyperCore REST API v1. Log in with <code>POST /rest/v1/login</code>, or send Basic authentication with
each request. The description for programs is <a href="/rest/v1/openapi.json">openapi.json</a>.</p>
<table>${sections.join("\n")}</table></html>`;
  return {
    value: html,
    type: "text/html; charset=utf-8",
    headers: { "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'" },
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
