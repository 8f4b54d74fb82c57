import { main } from "#cli/main.ts";
const code = await main(process.argv.slice(2), { openEngine: async () => { throw new Error("x"); }, self: [process.execPath] });
process.exit(code);
