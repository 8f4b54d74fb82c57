import type { EngineInfo } from "#client/docker-types.ts";
import { type Context, defineCommand } from "../context.ts";
import { currentContext } from "../contexts/choose-endpoint.ts";
import { describeFailure, Exit } from "../failure.ts";
import { text } from "../flags.ts";
import { infoText } from "../formats/info.ts";
import { objectByTemplate } from "../formats/inspect.ts";
import { ownVersion } from "../own-version.ts";
import { goJson } from "../template/functions.ts";

export const info = defineCommand({
  usage: "[OPTIONS]",
  about: "Shows facts about the engine and the machine it runs on.",
  flags: { format: text("string", "json or a Go template", "f") },
  operands: [0, 0],
  examples: [["gantry info -f '{{.ServerVersion}}'", "one fact"]],
  async run(context, { format }) {
    const { out, err } = context;
    const { server, failure } = await ask(context);
    const client = {
      Debug: context.globals.debug,
      Version: ownVersion,
      Context: currentContext(context),
      Plugins: [],
      Warnings: null,
    };
    if (format !== undefined && format !== "") {
      out.write(`${byTemplate(context, format, { ...server, ClientInfo: client })}\n`);
      if (failure !== undefined) throw new Exit(1, failure);
      return 0;
    }
    out.write(
      `Client:\n Version:    ${client.Version}\n Context:    ${client.Context}\n Debug Mode: ${client.Debug}\n\nServer:\n`,
    );
    if (server === undefined) throw new Exit(1, failure);
    out.write(`${infoText(server)}\n`);
    for (const warning of (server["Warnings"] ?? []) as readonly string[]) err.write(`${warning}\n`);
    return 0;
  },
});

async function ask(context: Context): Promise<{ readonly server?: EngineInfo; readonly failure?: string }> {
  try {
    return { server: await context.engine().info(context.signal) };
  } catch (error) {
    context.signal.throwIfAborted();
    return { failure: describeFailure(error) };
  }
}

function byTemplate({ out }: Context, format: string, data: object): string {
  return format === "json" ? goJson(data) : objectByTemplate(format, data, "system.dockerInfo", out);
}
