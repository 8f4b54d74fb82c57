// 500 kills of a writer of the cluster's store, as a script: node test/crash/store-kill-many.ts [kills]
import { killWriters } from "./store-kills.ts";

const kills = Number(process.argv[2] ?? 500);
process.stdout.write(`${kills} kills, ${await killWriters(kills)} acknowledged writes, all there\n`);
