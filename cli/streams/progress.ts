import { Fault } from "#base/fault.ts";
import type { ProgressMessage } from "#client/docker-types.ts";
import type { Terminal } from "../output/terminal.ts";
import { formatBytes4 } from "../output/units.ts";
import { terminalSize } from "./terminal-size.ts";

interface ProgressOptions {
  /** Told of every message that has something for programs. */
  readonly onAux?: (aux: Readonly<Record<string, unknown>>) => void;
}

/**
 * Shows a progress stream as Docker's tools do: on a terminal each layer has a line of its own that is written over, elsewhere
 * lines come one after the other, without the bars.
 *
 * @throws {Fault} `internal` with the daemon's words when a message is an error
 */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  out: Terminal,
  options: ProgressOptions = {},
): Promise<void> {
  const lines = new Map<string, number>();
  const columns = out.isTerminal ? ((await terminalSize())?.columns ?? 80) : 80;
  for await (const message of messages) {
    if (message.aux !== undefined && message.aux !== null) {
      options.onAux?.(message.aux);
      continue;
    }
    if (message.error !== undefined || message.errorDetail !== undefined) throw failureIn(message);
    if (out.isTerminal) showOnTerminal(message, out, lines, columns);
    else showLine(message, out);
  }
}

function failureIn({ error, errorDetail }: ProgressMessage): Fault {
  const message = errorDetail?.message ?? error ?? "unknown error";
  const code = errorDetail?.code ?? 1;
  return new Fault("internal", message, { detail: { code } });
}

function showLine(message: ProgressMessage, out: Terminal): void {
  const { id, status = "", stream, progressDetail } = message;
  if (stream !== undefined) out.write(stream);
  else if (progressDetail !== undefined && Object.keys(progressDetail).length > 0) return;
  else out.write(`${id ? `${id}: ` : ""}${status}\n`);
}

function showOnTerminal(
  message: ProgressMessage,
  out: Terminal,
  lines: Map<string, number>,
  columns: number,
): void {
  const { id, stream } = message;
  const hasBar = message.progressDetail !== undefined;
  if (id === undefined || id === "" || !hasBar) {
    lines.clear();
    out.write(stream ?? `${id ? `${id}: ` : ""}${message.status ?? ""}\n`);
    return;
  }
  let at = lines.get(id);
  if (at === undefined) {
    at = lines.size;
    lines.set(id, at);
    out.write("\n");
  }
  const up = lines.size - at;
  out.write(
    `\u001b[${up}A\u001b[2K\r${id}: ${message.status ?? ""} ${barOf(message, columns)}\r\u001b[${up}B`,
  );
}

const barWidth = 50;

/** `[====>      ]  1.2MB/3.4MB`, without the bar on a narrow terminal. */
function barOf({ progressDetail = {} }: ProgressMessage, columns: number): string {
  const { current = 0, total = 0 } = progressDetail;
  if (current <= 0 && total <= 0) return "";
  const sizes =
    total <= 0
      ? formatBytes4(current).padStart(8)
      : `${formatBytes4(current).padStart(8)}/${formatBytes4(total)}`;
  if (total <= 0) return sizes;
  const done = Math.min(barWidth, Math.floor((current / total) * barWidth));
  const bar = `[${"=".repeat(done)}>${" ".repeat(Math.max(0, barWidth - done))}]  `;
  return columns > 110 ? bar + sizes : sizes;
}
