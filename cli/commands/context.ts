import { existsSync, readFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { writeConfigFile } from "../config/config-file.ts";
import { type Context, defineCommand } from "../context.ts";
import { currentContext, endpointOf } from "../contexts/choose-endpoint.ts";
import { defaultHost } from "../contexts/context-details.ts";
import {
  type ContextMeta,
  deleteContext,
  hasContext,
  listContexts,
  readMeta,
  readTlsFiles,
  writeContext,
} from "../contexts/context-store.ts";
import { Exit } from "../failure.ts";
import { bool, list, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { ellipsis, naturally } from "../formats/text.ts";

const endpointFlags = {
  description: text("string", "What it is for"),
  docker: list(
    "stringToString",
    "The daemon: host=…,ca=FILE,cert=FILE,key=FILE,skip-tls-verify=…",
    undefined,
    {
      shownDefault: "[]",
    },
  ),
} as const;

/** @throws {Fault} `invalid` for a name that cannot be a context's */
export function checkName(name: string): void {
  if (name === "default") throw new Fault("invalid", `"default" is a reserved context name`);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$/.test(name))
    throw new Fault(
      "invalid",
      `context name ${JSON.stringify(name)} is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"`,
    );
}

export const create = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  about: "Makes a context: a daemon's address and keys under a name.",
  flags: { ...endpointFlags, from: text("string", "Context to copy", undefined, { complete: "context" }) },
  operands: [1, 1],
  examples: [
    [
      'gantry context create far --docker "host=tcp://far:2376,ca=ca.pem,cert=cert.pem,key=key.pem"',
      "with TLS",
    ],
  ],
  async run(context, values, [name = ""]) {
    checkName(name);
    if (hasContext(context, name))
      throw new Fault("conflict", `context ${JSON.stringify(name)} already exists`);
    const from = values.from === undefined ? undefined : snapshotOf(context, values.from);
    const own = endpointFrom(context, values.docker);
    const endpoint = own ?? from;
    if (endpoint === undefined) throw new Fault("invalid", "docker endpoint configuration is required");
    writeContext(
      context,
      {
        Name: name,
        Metadata: values.description === undefined ? {} : { Description: values.description },
        Endpoints: { docker: endpoint.docker },
      },
      endpoint.tlsFiles,
    );
    context.out.write(`${name}\n`);
    context.err.write(`Successfully created context ${JSON.stringify(name)}\n`);
    return 0;
  },
});

export const update = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  about: "Changes a context.",
  flags: endpointFlags,
  operands: [1, 1],
  complete: ["context"],
  examples: [["gantry context update far --description 'the one upstairs'", "its description"]],
  async run(context, values, [name = ""]) {
    checkName(name);
    const meta = readMeta(context, name);
    const own = endpointFrom(context, values.docker);
    writeContext(
      context,
      {
        ...meta,
        Metadata: {
          ...meta.Metadata,
          ...(values.description === undefined ? {} : { Description: values.description }),
        },
        Endpoints: own === undefined ? meta.Endpoints : { ...meta.Endpoints, docker: own.docker },
      },
      own === undefined ? readTlsFiles(context, name) : own.tlsFiles,
    );
    context.out.write(`${name}\n`);
    context.err.write(`Successfully updated context ${JSON.stringify(name)}\n`);
    return 0;
  },
});

interface DockerEndpoint {
  readonly docker: { readonly Host?: string; readonly SkipTLSVerify?: boolean };
  readonly tlsFiles: Readonly<Record<string, string>>;
}

function snapshotOf(context: Context, name: string): DockerEndpoint {
  if (name === "default")
    return { docker: { Host: defaultHost(context), SkipTLSVerify: false }, tlsFiles: {} };
  return { docker: readMeta(context, name).Endpoints.docker ?? {}, tlsFiles: readTlsFiles(context, name) };
}

function endpointFrom(context: Context, specs: readonly string[]): DockerEndpoint | undefined {
  if (specs.length === 0) return undefined;
  const known = new Set(["from", "host", "ca", "cert", "key", "skip-tls-verify"]);
  const fields: Record<string, string> = {};
  for (const field of specs.flatMap((spec) => spec.split(","))) {
    const [key = "", ...value] = field.split("=");
    if (!known.has(key))
      throw new Fault("invalid", `unable to create docker endpoint config: ${key}: unrecognized config key`);
    fields[key] = value.join("=");
  }
  if (fields["from"] !== undefined) return snapshotOf(context, fields["from"]);
  const host = fields["host"];
  if (host !== undefined) endpointOf(host);
  const names = { ca: "ca.pem", cert: "cert.pem", key: "key.pem" } as const;
  const tlsFiles: Record<string, string> = {};
  for (const [key, file] of Object.entries(names)) {
    const path = fields[key];
    if (path === undefined || path === "") continue;
    if (!existsSync(path))
      throw new Fault(
        "invalid",
        `unable to create docker endpoint config: open ${path}: no such file or directory`,
      );
    tlsFiles[file] = readFileSync(path, "utf8");
  }
  return {
    docker: {
      ...(host === undefined ? {} : { Host: host }),
      SkipTLSVerify: fields["skip-tls-verify"] === "true",
    },
    tlsFiles,
  };
}

interface ContextRow {
  readonly name: string;
  readonly description: string;
  readonly host: string;
  readonly isCurrent: boolean;
}

const columns: Columns<ContextRow> = {
  Current: ["", ({ isCurrent }) => isCurrent],
  Name: ["NAME", ({ name }) => name],
  Description: ["DESCRIPTION", ({ description }) => ellipsis(description, 60)],
  DockerEndpoint: ["DOCKER ENDPOINT", ({ host }) => host],
  Error: ["ERROR", () => ""],
};

export const ls = defineCommand({
  usage: "[OPTIONS]",
  about: "Lists contexts; a star marks the current one.",
  flags: {
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    quiet: bool("Show only names", "q"),
  },
  operands: [0, 0],
  examples: [["gantry context ls", "all of them"]],
  async run(context, values) {
    const current = currentContext(context);
    const rows: readonly ContextRow[] = [
      {
        name: "default",
        description: defaultDescription,
        host: defaultHost(context),
        isCurrent: current === "default",
      },
      ...listContexts(context).map(({ Name, Metadata, Endpoints }: ContextMeta) => ({
        name: Name,
        description: Metadata.Description ?? "",
        host: Endpoints.docker?.Host ?? "",
        isCurrent: Name === current,
      })),
    ];
    const sorted = rows.toSorted((a, b) => naturally(a.name, b.name));
    if (values.quiet) context.out.write(sorted.map(({ name }) => `${name}\n`).join(""));
    else
      context.out.write(
        formatItems(sorted, columns, {
          format: values.format ?? "table",
          table: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
          typeName: "*formatter.clientContextContext",
        }),
      );
    const { DOCKER_HOST } = context.env;
    if (!values.quiet && DOCKER_HOST && context.globals.context === undefined)
      context.err.write(
        `Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the global --context flag, or unset DOCKER_HOST environment variable.\n`,
      );
    return 0;
  },
});

const defaultDescription = "Current DOCKER_HOST based configuration";

export const show = defineCommand({
  usage: "",
  about: "Prints the current context's name.",
  flags: {},
  operands: [0, 0],
  examples: [["gantry context show", "e.g. default"]],
  async run(context) {
    context.out.write(`${currentContext(context)}\n`);
    return 0;
  },
});

export const use = defineCommand({
  usage: "CONTEXT",
  about: "Makes a context the one that is used unless another is named.",
  flags: {},
  operands: [1, 1],
  complete: ["context"],
  examples: [["gantry context use far", "back again: gantry context use default"]],
  async run(context, _values, [name = ""]) {
    if (name !== "default") {
      checkName(name);
      readMeta(context, name);
    }
    const { currentContext: _before, ...content } = context.config().content;
    writeConfigFile(context.config(), name === "default" ? content : { ...content, currentContext: name });
    context.out.write(`${name}\n`);
    context.err.write(`Current context is now ${JSON.stringify(name)}\n`);
    const { DOCKER_HOST } = context.env;
    if (name !== "default" && DOCKER_HOST)
      context.err.write(
        `Warning: DOCKER_HOST environment variable overrides the active context. To use ${JSON.stringify(name)}, either set the global --context flag, or unset DOCKER_HOST environment variable.\n`,
      );
    return 0;
  },
});

export const rm = defineCommand({
  usage: "CONTEXT [CONTEXT...]",
  about: "Removes contexts.",
  flags: { force: bool("The current one too", "f") },
  operands: [1, Infinity],
  complete: ["context"],
  examples: [["gantry context rm far", "its keys too"]],
  async run(context, { force }, names) {
    const failures: string[] = [];
    for (const name of names) {
      const problem = problemOf(context, name, force);
      if (problem !== undefined) {
        failures.push(problem);
        continue;
      }
      deleteContext(context, name);
      context.out.write(`${name}\n`);
    }
    if (failures.length > 0) throw new Exit(1, failures.join("\n"));
    return 0;
  },
});

function problemOf(context: Context, name: string, force: boolean): string | undefined {
  if (name === "default") return `context "default" cannot be removed`;
  if (!hasContext(context, name)) return force ? undefined : `context ${JSON.stringify(name)} does not exist`;
  if (name === currentContext(context) && !force)
    return `context ${JSON.stringify(name)} is in use, set -f flag to force remove`;
  return undefined;
}
