import type { Context } from "../context.ts";
import { chooseEndpoint } from "./choose-endpoint.ts";
import { contextFolders, readMeta, readTlsFiles } from "./context-store.ts";

const inMemory = "<IN MEMORY>";

/** A context as `context inspect` shows it. */
export function contextDetails(context: Context, name: string): object {
  if (name === "default")
    return {
      Name: name,
      Metadata: {},
      Endpoints: { docker: { Host: defaultHost(context), SkipTLSVerify: false } },
      TLSMaterial: {},
      Storage: { MetadataPath: inMemory, TLSPath: inMemory },
    };
  const { Name, Metadata, Endpoints } = readMeta(context, name);
  const folders = contextFolders(context, name);
  const files = Object.keys(readTlsFiles(context, name));
  return {
    Name,
    Metadata,
    Endpoints,
    TLSMaterial: files.length === 0 ? {} : { docker: files },
    Storage: { MetadataPath: folders.meta, TLSPath: folders.tls },
  };
}

/** The address that the default context means here. */
export function defaultHost(context: Context): string {
  const { globals, env } = context;
  if (globals.host !== undefined) return globals.host;
  if (env["DOCKER_HOST"]) return env["DOCKER_HOST"];
  const endpoint = chooseEndpoint({
    ...context,
    globals: { ...globals, context: "default" },
  });
  return endpoint.kind === "unix" ? `unix://${endpoint.path}` : `tcp://${endpoint.host}:${endpoint.port}`;
}
