import { arch, platform } from "node:process";
import type { EngineVersion } from "#client/docker-types.ts";
import { newestVersion } from "#client/docker-api.ts";
import { type Context, defineCommand } from "../context.ts";
import { currentContext } from "../contexts/choose-endpoint.ts";
import { describeFailure, Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { objectByTemplate } from "../formats/inspect.ts";
import { ownVersion } from "../own-version.ts";

export const version = defineCommand({
  usage: "[OPTIONS]",
  about: "Shows the versions of this program and of the engine.",
  flags: {
    client: bool("Do not ask the engine"),
    format: text("string", "json or a Go template", "f"),
    json: bool("As --format json", undefined, { hidden: true }),
  },
  operands: [0, 0],
  examples: [
    ["gantry version", "for people"],
    ["gantry version -f '{{.Server.Version}}'", "the engine's alone"],
  ],
  async run(context, values) {
    const { out } = context;
    const answer = values.client ? {} : await askServer(context);
    const client = clientVersion(context, answer.version);
    const format = values.json ? "json" : values.format;
    if (format !== undefined && format !== "")
      out.write(`${byTemplate(context, format, client, answer.server)}\n`);
    else
      out.write(clientText(client) + (answer.server === undefined ? "" : `\n${serverText(answer.server)}`));
    if (answer.failure !== undefined) throw new Exit(1, answer.failure);
    return 0;
  },
});

interface Answer {
  readonly server?: EngineVersion;
  readonly version?: string;
  readonly failure?: string;
}

async function askServer(context: Context): Promise<Answer> {
  try {
    const engine = context.engine();
    const server = await engine.version(context.signal);
    return { server, version: await engine.api.version(context.signal) };
  } catch (error) {
    context.signal.throwIfAborted();
    return { failure: describeFailure(error) };
  }
}

interface ClientVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly DefaultAPIVersion: string;
  readonly GitCommit: string;
  readonly RuntimeVersion: string;
  readonly Os: string;
  readonly Arch: string;
  readonly Context: string;
}

function clientVersion(context: Context, apiVersion: string | undefined): ClientVersion {
  const { bun, node } = process.versions as NodeJS.ProcessVersions & { readonly bun?: string };
  return {
    Version: ownVersion,
    ApiVersion: apiVersion ?? newestVersion,
    DefaultAPIVersion: newestVersion,
    GitCommit: "",
    RuntimeVersion: bun === undefined ? `node ${node}` : `bun ${bun}`,
    Os: platform,
    Arch: arch === "x64" ? "amd64" : arch,
    Context: currentContext(context),
  };
}

function byTemplate(
  { out }: Context,
  format: string,
  client: ClientVersion,
  server: EngineVersion | undefined,
): string {
  const data = { Client: client, Server: server ?? null };
  if (format === "json") return JSON.stringify(data);
  return objectByTemplate(format, data, "command.versionInfo", out);
}

function clientText(client: ClientVersion): string {
  const shown =
    client.ApiVersion === client.DefaultAPIVersion
      ? client.ApiVersion
      : `${client.ApiVersion} (downgraded from ${client.DefaultAPIVersion})`;
  return section("Client:", " ", [
    ["Version", client.Version],
    ["API version", shown],
    ["Run-time", client.RuntimeVersion],
    ["OS/Arch", `${client.Os}/${client.Arch}`],
    ["Context", client.Context],
  ]);
}

function serverText(server: EngineVersion): string {
  const name = server.Platform?.Name;
  const components = server.Components ?? [
    { Name: "Engine", Version: server.Version, Details: detailsOf(server) },
  ];
  return `Server:${name ? ` ${name}` : ""}\n${components.map(componentText).join("")}`;
}

function detailsOf(server: EngineVersion): Readonly<Record<string, string>> {
  return {
    ApiVersion: server.ApiVersion,
    MinAPIVersion: server.MinAPIVersion ?? "",
    GoVersion: server.GoVersion ?? "",
    GitCommit: server.GitCommit ?? "",
    BuildTime: server.BuildTime ?? "",
    Os: server.Os ?? "",
    Arch: server.Arch ?? "",
    Experimental: String(server.Experimental ?? false),
  };
}

function componentText({ Name, Version, Details }: NonNullable<EngineVersion["Components"]>[number]): string {
  const rows: (readonly [string, string])[] = [["Version", Version]];
  const details = Details ?? {};
  if (Name === "Engine") {
    const minimum = details["MinAPIVersion"] ? ` (minimum version ${details["MinAPIVersion"]})` : "";
    rows.push(
      ["API version", `${details["ApiVersion"] ?? ""}${minimum}`],
      ["Go version", details["GoVersion"] ?? ""],
      ["Git commit", details["GitCommit"] ?? ""],
      ["Built", builtAt(details["BuildTime"] ?? "")],
      ["OS/Arch", `${details["Os"] ?? ""}/${details["Arch"] ?? ""}`],
      ["Experimental", details["Experimental"] ?? ""],
    );
  } else for (const key of Object.keys(details).sort()) rows.push([key, details[key] ?? ""]);
  return section(` ${Name}:`, "  ", rows);
}

function section(heading: string, indent: string, rows: readonly (readonly [string, string])[]): string {
  const lines = rows.map(
    ([label, value]) => `${indent}${`${label}:`.padEnd(19 - indent.length + 1)}${value}\n`,
  );
  return `${heading}\n${lines.join("")}`;
}

/** `Tue Sep 15 11:02:57 2026`, where the engine tells it as a time. */
function builtAt(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time) || !/^\d{4}-/.test(text)) return text;
  const [weekday = "", day = "", month = "", year = "", clock = ""] = new Date(time)
    .toUTCString()
    .split(/,? /);
  return `${weekday} ${month} ${day.replace(/^0/, " ")} ${clock} ${year}`;
}
