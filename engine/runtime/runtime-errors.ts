/** Why a process could not be started, in the words that Docker's clients parse. */
export interface StartFailure {
  /** 126 not executable, 127 not found, 128 anything else. */
  readonly exitCode: 126 | 127 | 128;
  readonly message: string;
  /** The caller's doing rather than ours. */
  readonly isClients: boolean;
}

const createPrefix =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";
const initPrefix = "error during container init: ";
const execPrefix = "OCI runtime exec failed: exec failed: unable to start container process: ";

/** What runc and runsc have before the reason. */
const doings =
  /^(?:(?:runc \w+ failed|exec failed|unable to start container process|running container|(?:starting|creating) [\w ]+|executing processes for container|executing command ".*?" in sandbox): )*/;

/** The message of the last error in a log of runc's or runsc's, without what was being done. Other texts are as they are. */
function lastMessage(text: string): string {
  const runc = [...text.matchAll(/^time=\S+ level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*")/gm)].at(-1)?.[1];
  const runsc = [...text.matchAll(/^\{"msg":("(?:[^"\\]|\\.)*"),"level":"(?:error|fatal)"/gm)].at(-1)?.[1];
  const quoted = runc ?? runsc;
  return quoted === undefined ? text : (JSON.parse(quoted) as string).replace(doings, "");
}

/** Translates what the runtime wrote when it could not start `args`. */
export function explainStartFailure(
  written: string,
  args: readonly string[],
  kind: "create" | "exec",
): StartFailure {
  const text = lastMessage(written);
  const prefix = kind === "create" ? createPrefix : execPrefix;
  const program = JSON.stringify(args[0] ?? "");
  const of = (exitCode: StartFailure["exitCode"], reason: string): StartFailure => ({
    exitCode,
    // What is wrong with the program is found before the container's own part of the start begins.
    message: `${prefix}${kind === "create" && !reason.startsWith("exec") ? initPrefix : ""}${reason}`,
    isClients: exitCode !== 128,
  });
  const isPath = args[0]?.includes("/") === true;
  const hasNoName = args[0] === "" && /^(exec|open exec)/i.test(text);
  const isNotInPath = /executable file (.* )?not found in \$PATH|^error finding executable .* in PATH/;
  if (hasNoName || (isNotInPath.test(text) && !isPath))
    return of(127, `exec: ${program}: executable file not found in $PATH`);
  if (
    /executable file .* not found|open executable: No such file|execve?:? .*No such file|(exec:?|failed to load) .*: No such file/i.test(
      text,
    )
  )
    return isPath
      ? of(127, `exec: ${program}: stat ${args[0]}: no such file or directory`)
      : of(127, `exec: ${program}: executable file not found in $PATH`);
  if (/(open executable|exec).*file name too long/i.test(text))
    return of(127, `exec: ${program}: executable file not found in $PATH`);
  // A working folder that cannot be entered, a limit on files that is too low even to start: the request's doing.
  if (/^chdir .*No such file/i.test(text)) return of(127, text);
  if (text.startsWith("chdir ")) return of(126, text);
  if (/Too many open files$/i.test(text)) return { ...of(128, text), isClients: true };
  if (/is a directory|^the path .* is not a regular file/i.test(text))
    return of(126, `exec: ${program}: is a directory: permission denied`);
  // What crun 1.8 says of a folder.
  if (
    /(open executable|exec|failed to load).*permission denied|open executable: operation not permitted|exists but it is not executable/i.test(
      text,
    )
  )
    return of(126, `exec: ${program}: permission denied`);
  if (/exec format error/i.test(text))
    return { ...of(126, `exec ${args[0]}: exec format error`), exitCode: 126 };
  if (/not a directory/i.test(text))
    return of(
      127,
      `${text}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
    );
  return of(128, text);
}
