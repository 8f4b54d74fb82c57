import type { ServerResponse } from "node:http";
import type { Reply } from "./route.ts";

export function writeReply(response: ServerResponse, status: number, { value, headers, type }: Reply): void {
  if (response.headersSent || response.destroyed) return;
  const text = type === undefined ? JSON.stringify(value) : String(value);
  const bytes = Buffer.from(text);
  response.writeHead(status, {
    "Content-Type": type ?? "application/json",
    "Content-Length": bytes.length,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...headers,
  });
  response.end(bytes);
}
