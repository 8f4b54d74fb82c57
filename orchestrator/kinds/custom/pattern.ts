import { setFlagsFromString } from "node:v8";
import { messageOf } from "#base/fault.ts";
import { remembered } from "#base/remembered.ts";

// Patterns are from whoever may define kinds, texts from everybody: what would take for ever falls back to a linear engine.
setFlagsFromString("--enable-experimental-regexp-engine-on-excessive-backtracks");

/** The expression that Go means by a text, or why it is none. @see RE2 syntax */
export const compilePattern: (source: string) => RegExp | { readonly error: string } = remembered(
  2000,
  compile,
);

function compile(source: string): RegExp | { readonly error: string } {
  const [, inline = "", rest = source] = /^\(\?([ims]+)\)(.*)$/s.exec(source) ?? [];
  const translated = rest
    .replaceAll(/\\A/g, "^")
    .replaceAll(/\\[zZ]/g, "$")
    .replaceAll(/\(\?P</g, "(?<")
    .replaceAll(/\[:(\^?)(\w+):\]/g, (whole, not: string, name: string) =>
      not === "" ? (classes[name] ?? whole) : whole,
    );
  try {
    return new RegExp(translated, inline);
  } catch (error) {
    return { error: messageOf(error) };
  }
}

const classes: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  upper: "A-Z",
  space: "\\t\\n\\v\\f\\r ",
  blank: "\\t ",
  punct: "!-\\/:-@\\[-`{-~",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
