import { Fault } from "#base/fault.ts";

/** A command line of a unit: the program, and what it gets. */
export type CommandLine = readonly [program: string, ...args: readonly string[]];

/** A service that is started again whenever it ends, or one that is done when its command is. */
export interface ServiceUnit {
  readonly description: string;
  /** What it needs first. */
  readonly after: readonly string[];
  readonly isOneShot: boolean;
  readonly before: readonly CommandLine[];
  readonly start: CommandLine;
  readonly stop?: CommandLine;
}

/**
 * The text of a unit file, in printable ASCII. No argument is taken for anything but itself.
 *
 * @throws {Fault} `invalid` for an argument with a NUL in it
 * @see systemd.unit(5), systemd.service(5)
 */
export function writeUnit(unit: ServiceUnit): string {
  const lines = (name: string, commands: readonly CommandLine[]) =>
    commands.map((command) => `${name}${quoteCommand(command)}`);
  return [
    "[Unit]",
    `Description=${unit.description}`,
    `Wants=${unit.after.join(" ")}`,
    `After=${unit.after.join(" ")}`,
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    ...(unit.isOneShot ? ["Type=oneshot", "RemainAfterExit=yes", "Restart=on-failure"] : ["Restart=always"]),
    "RestartSec=1",
    "TimeoutStartSec=infinity",
    ...lines("ExecStartPre=", unit.before),
    ...lines("ExecStart=", [unit.start]),
    ...(unit.stop === undefined ? [] : lines("ExecStop=", [unit.stop])),
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

function quoteCommand(words: CommandLine): string {
  return words.map(quoteWord).join(" ");
}

/** What a word is written as where it does not stand for itself. */
const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  // Specifiers and variables begin with these.
  "%": "%%",
  $: "$$",
};

/** One argument, quoted where it has to be. @see systemd.syntax(7), "Quoting" */
export function quoteWord(word: string): string {
  if (word.includes("\0")) throw new Fault("invalid", "an argument cannot hold a NUL");
  if (/^[A-Za-z0-9_@+=:,./-]+$/.test(word)) return word;
  const letters = [...Buffer.from(word)].map((byte) => {
    const letter = String.fromCharCode(byte);
    if (byte < 0x20 || byte > 0x7e) return `\\x${byte.toString(16).padStart(2, "0")}`;
    return escapes[letter] ?? letter;
  });
  return `"${letters.join("")}"`;
}
