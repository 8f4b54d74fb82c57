import type { ContainerSummary } from "#client/docker-types.ts";
import { formatBytes3 } from "../output/units.ts";
import type { Columns } from "./formatter.ts";
import { displayPorts } from "./ports.ts";
import { ellipsis, goTime, joinLabels, labelOf, shortId, timeAgo } from "./text.ts";

export const containerTable =
  "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

export const containerRaw = [
  "container_id: {{.ID}}",
  "image: {{.Image}}",
  "command: {{.Command}}",
  "created_at: {{.CreatedAt}}",
  "state: {{- pad .State 1 0}}",
  "status: {{- pad .Status 1 0}}",
  "names: {{.Names}}",
  "labels: {{- pad .Labels 1 0}}",
  "ports: {{- pad .Ports 1 0}}",
  "",
].join("\n");

/** What `ps` shows of a container. */
export function containerColumns(isFull: boolean, now: Date): Columns<ContainerSummary> {
  const cut = (text: string, length: number) => (isFull ? text : ellipsis(text, length));
  return {
    ID: ["CONTAINER ID", ({ Id }) => (isFull ? Id : shortId(Id))],
    Names: ["NAMES", ({ Names }) => namesOf(Names, isFull)],
    Image: ["IMAGE", (item) => imageOf(item, isFull)],
    Command: ["COMMAND", ({ Command }) => quote(cut(Command, 20))],
    CreatedAt: ["CREATED AT", ({ Created }) => goTime(Created)],
    RunningFor: ["CREATED", ({ Created }) => timeAgo(Created, now)],
    Ports: ["PORTS", ({ Ports }) => displayPorts(Ports ?? [])],
    State: ["STATE", ({ State }) => State],
    Status: ["STATUS", ({ Status }) => Status],
    Size: ["SIZE", sizeOf],
    Labels: ["LABELS", ({ Labels }) => joinLabels(Labels)],
    Label: ["LABEL", labelOf],
    Mounts: [
      "MOUNTS",
      ({ Mounts }) =>
        (Mounts ?? [])
          .map(({ Name, Source }) => cut(Name === undefined || Name === "" ? Source : Name, 15))
          .join(","),
    ],
    LocalVolumes: [
      "LOCAL VOLUMES",
      ({ Mounts }) => String((Mounts ?? []).filter(({ Driver }) => Driver === "local").length),
    ],
    Networks: [
      "NETWORKS",
      ({ NetworkSettings }) =>
        Object.keys(NetworkSettings?.Networks ?? {})
          .sort()
          .join(","),
    ],
    Platform: ["PLATFORM", () => null],
  };
}

function namesOf(names: readonly string[], isFull: boolean): string {
  const plain = names.map((name) => name.replace(/^\//, ""));
  return (isFull ? plain : plain.filter((name) => !name.includes("/"))).join(",");
}

function imageOf({ Image, ImageID }: ContainerSummary, isFull: boolean): string {
  if (Image === "") return "<no image>";
  if (isFull) return Image;
  if (shortId(Image) === shortId(ImageID)) return shortId(Image);
  return Image.replace(/@sha256:[0-9a-f]{64}$/, "");
}

/** Go's %q. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll("\x7f", "\\x7f");
}

function sizeOf({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string {
  const own = formatBytes3(SizeRw);
  return SizeRootFs > 0 ? `${own} (virtual ${formatBytes3(SizeRootFs)})` : own;
}
