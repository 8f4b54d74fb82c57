// 100 kills of the daemon under load, as a script: node test/hypervisor/kill-many.ts [kills]
import { hypervisorKillLoop } from "./kill-loop.ts";

const kills = Number(process.argv[2] ?? 100);
const report = await hypervisorKillLoop({ kills, workers: 3 });
const at = (share: number) =>
  report.recoveryMs[Math.floor((report.recoveryMs.length - 1) * share)]?.toFixed(0);
const { complete, failed } = report.interrupted;
process.stdout.write(
  `${report.kills} kills, ${report.acknowledged} acknowledged changes
interrupted tasks: ${complete} had reached their goal, ${failed} failed
recovery to the first answer: median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms
violations: ${report.violations.length}
${report.violations.join("\n")}
left behind: nothing
`,
);
