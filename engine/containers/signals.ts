import { constants } from "node:os";
import { Fault } from "#base/fault.ts";

const highest = 64;

/**
 * A signal's number from `SIGTERM`, `term`, `15` or `RTMIN+3`.
 *
 * @throws {Fault} `invalid` with Docker's text
 */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number > 0 && number <= highest) return number;
    throw new Fault("invalid", number === 0 ? `invalid signal: ${text}` : unsupported(number));
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const number = (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`] ?? realTime(name);
  if (number === undefined) throw new Fault("invalid", `invalid signal: ${text}`);
  return number;
}

/** Nothing has been changed yet when this refuses. @throws {Fault} `invalid` */
export function checkSignal(text: string | undefined, refusal: string): void {
  try {
    if (text !== undefined && text !== "") parseSignal(text);
  } catch (error) {
    throw error instanceof Fault ? new Fault(error.kind, `${refusal}: ${error.message}`) : error;
  }
}

function unsupported(number: number): string {
  return `the linux daemon does not support signal ${number}`;
}

function realTime(name: string): number | undefined {
  const [, edge, offset = "0"] = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name) ?? [];
  if (edge === undefined) return undefined;
  const number = (edge === "MIN" ? 34 : highest) + Number(offset);
  return number >= 34 && number <= highest ? number : undefined;
}
