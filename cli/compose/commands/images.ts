import { humanDuration } from "#api/docker/human-duration.ts";
import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { formatBytes } from "../../output/units.ts";
import { splitTag } from "../converge/image-stream.ts";
import { columns } from "../engine/columns.ts";
import { openSession } from "../open-session.ts";
import { projectContainers } from "./each-service.ts";

interface Inspected {
  readonly Id: string;
  readonly Os: string;
  readonly Architecture: string;
  readonly Size: number;
  readonly RepoTags: readonly string[] | null;
  readonly Metadata?: { readonly LastTagTime?: string };
}

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "List images used by the created containers",
  flags: {
    format: text("string", "Format the output. Values: [table | json]"),
    quiet: bool("Only display IDs", "q"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose images", "of the containers that there are"]],
  async run(context, values, services) {
    const session = await openSession(context, { canLackFiles: true });
    const { client, signal } = session;
    const containers = (await projectContainers(session, services)).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    const images = await Promise.all(
      containers.map(async ({ name, summary }) => {
        const image = await client.api.json<Inspected>("GET", `/images/${summary.ImageID}/json`, {}, signal);
        const [Repository, Tag] = splitTag(image.RepoTags?.[0] ?? "<none>:<none>");
        const { Id: ID, Os, Architecture, Size, Metadata } = image;
        const tagged = Metadata?.LastTagTime;
        return {
          ID,
          ContainerName: name,
          Repository,
          Tag,
          Platform: `${Os}/${Architecture}`,
          Size,
          ...(tagged === undefined || tagged.startsWith("0001-") ? {} : { LastTagTime: tagged }),
        };
      }),
    );
    if (values.quiet)
      context.out.write([...new Set(images.map(({ ID }) => `${ID.replace("sha256:", "")}\n`))].join(""));
    else if (values.format === "json") context.out.write(`${JSON.stringify(images)}\n`);
    else {
      const rows = images.map((one) => [
        one.ContainerName,
        one.Repository,
        one.Tag,
        one.Platform,
        one.ID.replace("sha256:", "").slice(0, 12),
        formatBytes(one.Size),
        one.LastTagTime === undefined
          ? "N/A"
          : `${humanDuration(context.now().getTime() - Date.parse(one.LastTagTime))} ago`,
      ]);
      const head = ["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"];
      context.out.write(columns([head, ...rows], 20, 3));
    }
    return 0;
  },
});
