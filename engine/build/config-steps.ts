import { posix } from "node:path";
import { Fault } from "#base/fault.ts";
import { parseExposed } from "#engine/images/change-arguments.ts";
import type { HealthConfig } from "#oci/docker-extensions.ts";
import { expandWords } from "#oci/dockerfile/expand.ts";
import type { Command, Instruction } from "#oci/dockerfile/instruction.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import { mergeEnv, type Variables } from "./variables.ts";

export interface ConfigStep {
  readonly config: ImageRuntimeConfig;
  /** For the history. */
  readonly createdBy: string;
  readonly author?: string;
}

type Kind = Exclude<Instruction["kind"], "copy" | "add" | "run" | "arg">;
type ConfigInstruction = Extract<Instruction, { readonly kind: Kind }>;

const defaultShell = ["/bin/sh", "-c"];

export function shellOf(config: ImageRuntimeConfig): readonly string[] {
  return config.Shell ?? defaultShell;
}

export function nop(text: string): string {
  return `/bin/sh -c #(nop) ${text}`;
}

/**
 * What an instruction about the image's config makes of it.
 *
 * @param isCmdSet whether this stage had a CMD already: an ENTRYPOINT drops the base image's
 * @throws {Fault} `invalid` with Docker's texts
 */
export function applyConfig(
  config: ImageRuntimeConfig,
  instruction: ConfigInstruction,
  variables: Variables,
  isCmdSet: boolean,
): ConfigStep {
  switch (instruction.kind) {
    case "env": {
      const pairs = instruction.pairs.map(
        ([name, value]) => [variables.expand(name), variables.expand(value)] as const,
      );
      return {
        config: { ...config, Env: mergeEnv(config.Env ?? [], pairs) },
        createdBy: nop(` ENV ${shownPairs(pairs)}`),
      };
    }
    case "label": {
      const pairs = instruction.pairs.map(
        ([name, value]) => [variables.expand(name), variables.expand(value)] as const,
      );
      const Labels = { ...config.Labels, ...Object.fromEntries(pairs) };
      return { config: { ...config, Labels }, createdBy: nop(` LABEL ${shownPairs(pairs)}`) };
    }
    case "cmd": {
      const Cmd = wordsOf(config, instruction.command);
      return { config: { ...config, Cmd }, createdBy: nop(` CMD ${shownWords(Cmd)}`) };
    }
    case "entrypoint": {
      const Entrypoint = wordsOf(config, instruction.command);
      const createdBy = nop(` ENTRYPOINT ${shownWords(Entrypoint)}`);
      return { config: { ...config, Entrypoint, ...(!isCmdSet && { Cmd: null }) }, createdBy };
    }
    case "expose":
      return expose(config, instruction.words, variables);
    case "volume":
      return volume(config, instruction.words, variables);
    case "user": {
      const User = variables.expand(instruction.value);
      return { config: { ...config, User }, createdBy: nop(` USER ${User}`) };
    }
    case "workdir": {
      const path = variables.expand(instruction.value);
      const WorkingDir = posix.resolve("/", config.WorkingDir ?? "/", path);
      return { config: { ...config, WorkingDir }, createdBy: nop(`WORKDIR ${WorkingDir}`) };
    }
    case "stopsignal": {
      const StopSignal = variables.expand(instruction.value);
      checkSignal(StopSignal);
      return { config: { ...config, StopSignal }, createdBy: nop(` STOPSIGNAL ${StopSignal}`) };
    }
    case "maintainer":
      return { config, author: instruction.value, createdBy: nop(` MAINTAINER ${instruction.value}`) };
    case "shell":
      return {
        config: { ...config, Shell: instruction.words },
        createdBy: nop(` SHELL [${instruction.words.join(" ")}]`),
      };
    case "healthcheck":
      return {
        config: { ...config, Healthcheck: instruction.check },
        createdBy: nop(` HEALTHCHECK ${shownHealth(instruction.check)}`),
      };
    case "onbuild":
      return {
        config: { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.trigger] },
        createdBy: nop(` ONBUILD ${instruction.trigger}`),
      };
    default:
      return instruction satisfies never;
  }
}

function wordsOf(config: ImageRuntimeConfig, command: Command): readonly string[] {
  if (command.form === "exec") return command.words;
  return command.text === "" ? [] : [...shellOf(config), command.text];
}

function expose(config: ImageRuntimeConfig, words: readonly string[], variables: Variables): ConfigStep {
  const asked = words.flatMap((word) => expandWords(word, variables.expansion));
  const ports = Object.assign({}, ...asked.map((word) => parseExposed(containerPort(word)))) as Record<
    string,
    object
  >;
  const names = asked.sort();
  return {
    config: { ...config, ExposedPorts: { ...config.ExposedPorts, ...ports } },
    createdBy: nop(` EXPOSE ${names.join(" ")}`),
  };
}

/** A failure in BuildKit's words, where those of EXPOSE differ. */
export function portText({ message, detail }: Fault): string {
  if (message.startsWith("Invalid containerPort")) return message.replace("I", "i");
  const { port } = detail;
  return message.startsWith("Invalid proto") && port !== undefined
    ? `invalid port: ${JSON.stringify(port)}: ${message.replace("I", "i")}`
    : message;
}

/** Of `ip:host:container`, which old files have, only the last counts. */
function containerPort(word: string): string {
  return word.slice(word.lastIndexOf(":") + 1);
}

function volume(config: ImageRuntimeConfig, words: readonly string[], variables: Variables): ConfigStep {
  const volumes = words.flatMap((word) => expandWords(word, variables.expansion)).map((word) => word.trim());
  if (volumes.length === 0 || volumes.includes(""))
    throw new Fault("invalid", "VOLUME specified can not be an empty string");
  return {
    config: {
      ...config,
      Volumes: { ...config.Volumes, ...Object.fromEntries(volumes.map((path) => [path, {}])) },
    },
    createdBy: nop(` VOLUME [${volumes.join(" ")}]`),
  };
}

const signalName =
  /^(?:SIG)?(?:HUP|INT|QUIT|ILL|TRAP|ABRT|IOT|BUS|FPE|KILL|USR1|SEGV|USR2|PIPE|ALRM|TERM|STKFLT|CHLD|CLD|CONT|STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|POLL|PWR|SYS|RTMIN(?:\+\d{1,2})?|RTMAX(?:-\d{1,2})?)$/i;

function checkSignal(text: string): void {
  const isNumber = /^[0-9]{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 64;
  if (!isNumber && !signalName.test(text)) throw new Fault("invalid", `invalid signal: ${text}`);
}

function shownPairs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join(" ");
}

function shownWords(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(" ")}]`;
}

function shownHealth(check: HealthConfig): string {
  const times = [check.Interval, check.Timeout, check.StartPeriod, check.StartInterval].map(goDuration);
  return `&{[${(check.Test ?? []).join(" ")}] ${times.join(" ")} ${check.Retries ?? 0}}`;
}

/** Nanoseconds as Go prints them: `1h0m0s`, `1m30s`, `1.5s`, `250ms`, `0s`. */
function goDuration(nanoseconds = 0): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const seconds = nanoseconds / 1e9;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = `${Number((seconds % 60).toFixed(9))}s`;
  return hours > 0 ? `${hours}h${minutes}m${rest}` : minutes > 0 ? `${minutes}m${rest}` : rest;
}
