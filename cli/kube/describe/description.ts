import { humanDuration } from "#orchestrator/machinery/human-duration.ts";
import { alignTabs } from "../../output/tab-writer.ts";
import { lastApplied } from "../apply/client-side.ts";
import { escapeTerminal } from "../print/table.ts";

type Texts = Readonly<Record<string, string>> | undefined;

interface Meta {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}

const longestAnnotation = 140;

/** A text of lines with cells that tabs end, as kubectl's descriptions are. */
export class Description {
  #text = "";

  /** A line, so many levels to the right. */
  line(level: number, ...cells: readonly unknown[]): void {
    this.#text += `${"  ".repeat(level)}${cells.map(text).join("\t")}\n`;
  }

  /** `Title:` and entries, each in a line of its own, or `<none>`. */
  list(title: string, entries: readonly string[]): void {
    const lines = entries.length === 0 ? ["<none>"] : entries;
    lines.forEach((entry, at) => this.line(0, at === 0 ? `${title}:` : "", entry));
  }

  /** What every description starts with. */
  name({ name, namespace }: Meta): void {
    this.line(0, "Name:", name);
    this.line(0, "Namespace:", namespace);
  }

  meta({ labels, annotations }: Meta): void {
    this.labels("Labels", labels);
    this.annotations("Annotations", annotations);
  }

  labels(title: string, labels: Texts): void {
    const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    this.list(
      title,
      pairs.map(([name, value]) => `${name}=${value}`),
    );
  }

  annotations(title: string, annotations: Texts): void {
    const pairs = Object.entries(annotations ?? {}).filter(([name]) => name !== lastApplied);
    const sorted = pairs.sort(([a], [b]) => (a < b ? -1 : 1));
    if (sorted.length === 0) return this.line(0, `${title}:`, "<none>");
    sorted.forEach(([name, value], at) => {
      const head = at === 0 ? `${title}:` : "";
      const whole = value.replace(/\n$/, "");
      const isLong = whole.length + name.length + 2 > longestAnnotation || whole.includes("\n");
      if (!isLong) return this.line(0, head, `${name}: ${whole}`);
      this.line(0, head, `${name}:`);
      for (const one of whole.split("\n")) this.line(0, "", `  ${shorten(one, longestAnnotation - 2)}`);
    });
  }

  /** The whole of it, aligned. */
  toString(): string {
    return alignTabs(this.withTabs(), 0, 2);
  }

  /** The whole of it, with tabs between cells. */
  withTabs(): string {
    return escapeTerminal(this.#text);
  }
}

function text(cell: unknown): string {
  return String((cell ?? "") as string);
}

function shorten(line: string, length: number): string {
  return line.length > length ? `${line.slice(0, length)}...` : line;
}

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number: number) => String(number).padStart(2, "0");

/** A time of the API's in this machine's zone, as Go's RFC1123Z: `Fri, 27 Nov 2026 01:02:03 +0000`. */
export function timeText(time: string | null | undefined): string {
  if (time === undefined || time === null) return "Mon, 01 Jan 0001 00:00:00 +0000";
  const at = new Date(time);
  const offset = -at.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const date = `${two(at.getDate())} ${months[at.getMonth()]} ${at.getFullYear()}`;
  return `${days[at.getDay()]}, ${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${zone}`;
}

/** How long ago it was. */
export function sinceText(time: string | null | undefined): string {
  if (time === undefined || time === null) return "<unknown>";
  return humanDuration(Date.now() - Date.parse(time));
}

export function boolText(value: boolean | undefined): string {
  if (value === undefined) return "<unset>";
  return value ? "True" : "False";
}
