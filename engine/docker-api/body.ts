import type { IncomingMessage } from "node:http";
import { Fault } from "#base/fault.ts";

const JSON_LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * Reads a request's body as JSON; undefined when there is none.
 *
 * @throws {Fault} `invalid` for another content type, broken JSON, more than one value, or more than 4 MiB
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const bytes = await readAll(request, JSON_LIMIT_BYTES, tooLarge);
  if (bytes.length === 0) return undefined;
  checkType(request.headers["content-type"]);
  const text = bytes.toString("utf8");
  try {
    return /\\ud[89a-f]/i.test(text) ? JSON.parse(text, wellFormed) : JSON.parse(text);
  } catch (error) {
    throw new Fault("invalid", `invalid JSON: ${goReason(error, text)}`);
  }
}

/** Half of a surrogate pair is no text: the kernel and the runtime would each make something else of it. Go's decoder does this. */
function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name.toWellFormed(), item]));
}

function tooLarge(): Fault {
  return new Fault("invalid", `request body too large: limit is ${JSON_LIMIT_BYTES} bytes`, {
    detail: { limitBytes: JSON_LIMIT_BYTES },
  });
}

/** @throws {Fault} what `excess` makes when the body is longer; `invalid` when the client leaves in the middle */
export async function readAll(
  request: IncomingMessage,
  limitBytes: number,
  excess: () => Fault,
): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) throw excess();
  const chunks: Buffer[] = [];
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) chunks.push(chunk);
      else reject(excess());
    });
    request.on("end", resolve);
    request.on("error", () => reject(new Fault("invalid", "unexpected EOF")));
    request.on("close", () => reject(new Fault("invalid", "unexpected EOF")));
  });
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size);
}

function checkType(type: string | undefined): void {
  if (!mayBeJson(type))
    throw new Fault("invalid", `unsupported Content-Type header (${type}): must be 'application/json'`);
}

/** Whether {@link readJson} takes a body of this type. A missing type is fine, as old clients leave it out. */
export function mayBeJson(type: string | undefined): boolean {
  if (type === undefined || type === "") return true;
  const [media = ""] = type.split(";");
  return media.trim().toLowerCase() === "application/json";
}

/** What Go's decoder says about the same text, as near as V8's message allows. */
function goReason(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : "";
  if (message.includes("after JSON")) return "unexpected content after JSON";
  const position = /at position (\d+)/.exec(message)?.[1];
  const character =
    /^Unexpected token '(.)'/su.exec(message)?.[1] ??
    (position === undefined ? undefined : text[Number(position)]);
  if (character === undefined || /^Unterminated|end of JSON/.test(message)) return "unexpected EOF";
  return `invalid character ${quote(character)} looking for beginning of value`;
}

function quote(character: string): string {
  return character === "'" ? "'\\''" : `'${JSON.stringify(character).slice(1, -1).replace('\\"', '"')}'`;
}
