import { mkdirSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { type EngineOptions, socketOf } from "../context.ts";
import { main } from "../main.ts";

// The command line with an engine that only answers: what tests of up, down and status start in place of the real one.

/** This file, to be run. */
export const fakeGantry = import.meta.filename;

if (import.meta.main)
  process.exitCode = await main(process.argv.slice(2), {
    openEngine,
    openRegistry: () => Promise.reject(new Error("no registry")),
    openServer: () => Promise.reject(new Error("no server")),
    openHypervisor: () => Promise.reject(new Error("no server")),
    self: [process.execPath, import.meta.filename],
  });

async function openEngine(options: EngineOptions): Promise<AsyncDisposable> {
  if (process.env["FAKE_ENGINE_FAULT"] !== undefined) throw new Error(process.env["FAKE_ENGINE_FAULT"]);
  let running = ["one", "two"];
  const server = createServer((request, response) => {
    if (process.env["FAKE_ENGINE_MUTE"] !== undefined) return;
    const stopped = /^\/v1\.\d+\/containers\/(\w+)\/stop/.exec(request.url ?? "")?.[1];
    if (stopped !== undefined) running = running.filter((name) => name !== stopped);
    answer(request, response, running);
  });
  mkdirSync(options.run, { recursive: true });
  rmSync(socketOf(options), { force: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(socketOf(options), resolve);
  await promise;
  return {
    async [Symbol.asyncDispose]() {
      process.stderr.write(`running at the end: ${running.join(" ")}\n`);
      server.closeAllConnections();
      server.close();
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, running: readonly string[]): void {
  const path = (request.url ?? "").replace(/^\/v1\.\d+/, "");
  const json = (value: unknown) => response.end(JSON.stringify(value));
  if (path === "/_ping") response.end("OK");
  else if (path === "/version") json({ Version: "0.0.1", ApiVersion: "1.51" });
  else if (path === "/info") json({ Containers: 2, ContainersRunning: running.length, Images: 1 });
  else if (path === "/containers/json") json(running.map((name) => ({ Id: name, Names: [`/${name}`] })));
  else if (path === "/images/json")
    json([{ Id: `sha256:${"a".repeat(64)}`, RepoTags: ["x:1"], Created: 0, Size: 1000 }]);
  else if (/^\/containers\/\w+\/stop/.test(path)) response.writeHead(204).end();
  else response.writeHead(404).end(JSON.stringify({ message: "page not found" }));
}
