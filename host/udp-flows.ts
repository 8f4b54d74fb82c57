import { spawn } from "node:child_process";
import { Fault } from "#base/fault.ts";

/** UDP packets that the kernel keeps together as one flow, IPv4. */
export interface UdpFlow {
  /** Where the first was sent; empty for any address of this machine. */
  readonly address: string;
  readonly port: number;
  /** Who answers, after translation. */
  readonly answering: string;
}

/**
 * Lets the kernel forget flows, so that their next packets are looked at as if they were the first: else it goes on with a flow
 * as it began it, whatever the rules say by now.
 *
 * @param binary path of the native program
 * @throws {Fault} `unavailable`
 */
export async function forgetUdpFlows(binary: string, flows: readonly UdpFlow[]): Promise<void> {
  if (flows.length === 0) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn(binary, ["forget"], { stdio: ["pipe", "ignore", "pipe"], env: {} });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.stdin.on("error", () => {}); // it is dead: its end says so
  child.once("error", (error) => reject(new Fault("unavailable", error.message, { cause: error })));
  child.once("close", (code) => {
    if (code === 0) resolve();
    else reject(new Fault("unavailable", `UDP flows are not forgotten: ${complaint.slice(0, 200)}`));
  });
  child.stdin.end(
    flows.map(({ address, port, answering }) => `${address || "*"} ${port} ${answering}\n`).join(""),
  );
  await promise;
}
