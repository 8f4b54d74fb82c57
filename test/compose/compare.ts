/**
 * Brings the projects up and down by docker compose and by gantry compose on the engine behind a socket, and tells what differs.
 *
 *   node test/compose/compare.ts /var/run/docker.sock [PROJECT…]
 *
 *   node test/compose/compare.ts --v1 /dockerd.sock /gantry.sock [PROJECT…]
 *
 * The second form has docker-compose 1 bring them up on both engines.
 * An engine needs the image `busybox`, the network `gantry_outer` and the volume `kept`.
 */
import { diffLines, unexpected } from "./diff-lines.ts";
import { visit } from "./bring-up.ts";
import { projectNames } from "./tools.ts";

const isFirst = process.argv[2] === "--v1";
const [socket = "/var/run/docker.sock", ...rest] = process.argv.slice(isFirst ? 3 : 2);
const [second = socket, ...wanted] = isFirst ? rest : [socket, ...rest];
let differing = 0;
for (const project of wanted.length > 0 ? wanted : projectNames) {
  const peer = await visit(isFirst ? "v1" : "peer", project, socket);
  const ours = await visit(isFirst ? "v1" : "ours", project, second);
  const differences = unexpected(diffLines(peer, ours));
  process.stdout.write(`${project}: ${differences.length === 0 ? "same" : "differs"}\n`);
  for (const line of differences) process.stdout.write(`  ${line}\n`);
  if (differences.length > 0) differing++;
}
process.exitCode = differing === 0 ? 0 : 1;
