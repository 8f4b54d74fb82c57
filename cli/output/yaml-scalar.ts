/** How go-yaml writes a string: plain where that reads back as the same string, otherwise quoted or as a block. */
export function yamlString(text: string, indent: string, isKey = false): string {
  const traits = analyze(text);
  if (text.includes("\n") && !isKey && traits.blockAllowed) return block(text, indent);
  if (text.includes("\n") || resolvesToOther(text)) return doubleQuoted(text);
  if (traits.plainAllowed && text !== "") return text;
  return traits.singleAllowed ? `'${text.replaceAll("'", "''")}'` : doubleQuoted(text);
}

interface Traits {
  readonly plainAllowed: boolean;
  readonly singleAllowed: boolean;
  readonly blockAllowed: boolean;
}

const printable = /^[\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u;

function analyze(text: string): Traits {
  const hasSpecial = !printable.test(text);
  const hasTab = text.includes("\t");
  const breakSpace = /\n /.test(text);
  const spaceBreak = / \n/.test(text);
  const indicators =
    /^(---|\.\.\.)/.test(text) ||
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[?:-](\s|$)/.test(text) ||
    /:(\s|$)/.test(text) ||
    /\s#/.test(text);
  const edges = /^[ \n]|[ \n]$/.test(text);
  return {
    plainAllowed: !(
      hasSpecial ||
      hasTab ||
      breakSpace ||
      spaceBreak ||
      indicators ||
      edges ||
      text.includes("\n")
    ),
    singleAllowed: !(hasSpecial || hasTab || breakSpace || spaceBreak),
    blockAllowed: text !== "" && !(hasSpecial || spaceBreak || text.endsWith(" ")),
  };
}

const otherTypes = [
  /^(~|null|Null|NULL)?$/,
  /^(true|True|TRUE|false|False|FALSE)$/,
  /^(y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/,
  /^[-+]?[0-9][0-9_]*$/,
  /^[-+]?0[oO]?[0-7_]+$/,
  /^[-+]?0x[0-9a-fA-F_]+$/,
  /^[-+]?0b[01_]+$/,
  /^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$/,
  /^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/,
  /^\d{4}-\d{1,2}-\d{1,2}$/,
  /^\d{4}-\d{1,2}-\d{1,2}([Tt]|\s+)\d{1,2}:\d{2}:\d{2}(\.\d+)?\s*(Z|[-+]\d{1,2}(:?\d{2})?)?$/,
  /^(<<|=)$/,
];

function resolvesToOther(text: string): boolean {
  return otherTypes.some((pattern) => pattern.test(text));
}

function block(text: string, indent: string): string {
  const hint = /^[ \n]/.test(text) ? "2" : "";
  const chomp = !text.endsWith("\n") ? "-" : text === "\n" || text.endsWith("\n\n") ? "+" : "";
  const body = text.replace(/\n$/, "").split("\n");
  return `|${hint}${chomp}\n${body.map((line) => (line === "" ? "" : indent + line)).join("\n")}`;
}

const named: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\u0007": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\u001b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\u0085": "\\N",
  "\u00a0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string): string {
  const escaped = Array.from(text).map((letter) => {
    if (named[letter] !== undefined) return named[letter];
    if (printable.test(letter)) return letter;
    const code = letter.codePointAt(0) ?? 0;
    if (code <= 0xff) return `\\x${code.toString(16).toUpperCase().padStart(2, "0")}`;
    return code <= 0xffff
      ? `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`
      : `\\U${code.toString(16).toUpperCase().padStart(8, "0")}`;
  });
  return `"${escaped.join("")}"`;
}
