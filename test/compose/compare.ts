/**
 * Brings the projects up and down by docker compose and by gantry compose on the engine behind a socket, and tells what differs.
 *
 *   node test/compose/compare.ts /var/run/docker.sock [PROJECT…]
 *
 * The engine needs the image `busybox`, the network `gantry_outer` and the volume `kept`.
 */
import { diffLines, unexpected } from "./diff-lines.ts";
import { visit } from "./bring-up.ts";
import { projectNames } from "./tools.ts";

const [socket = "/var/run/docker.sock", ...wanted] = process.argv.slice(2);
let differing = 0;
for (const project of wanted.length > 0 ? wanted : projectNames) {
  const peer = await visit("peer", project, socket);
  const ours = await visit("ours", project, socket);
  const differences = unexpected(diffLines(peer, ours));
  process.stdout.write(`${project}: ${differences.length === 0 ? "same" : "differs"}\n`);
  for (const line of differences) process.stdout.write(`  ${line}\n`);
  if (differences.length > 0) differing++;
}
process.exitCode = differing === 0 ? 0 : 1;
