import type { Progress } from "#engine/images/images.ts";

/** So many lines may wait for a slow client; after that a line about the same thing replaces the one before. */
const MAX_WAITING = 256;

/**
 * The lines of a progress stream, one JSON object each with CR LF: those that `work` reports, then those that it returns. When
 * `work` fails the iteration does too.
 */
export async function* progressLines(
  work: (report: (progress: Progress) => void) => Promise<readonly Progress[]>,
): AsyncGenerator<string> {
  const waiting: Progress[] = [];
  let wake = () => {};
  let isDone = false;
  const report = (progress: Progress) => {
    add(waiting, progress);
    wake();
  };
  const result = work(report).finally(() => {
    isDone = true;
    wake();
  });
  result.catch(() => {}); // thrown again below
  for (;;) {
    if (waiting.length > 0) yield waiting.splice(0).map(encode).join("");
    else if (isDone) break;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  const last = await result;
  if (last.length > 0) yield last.map(encode).join("");
}

function add(waiting: Progress[], progress: Progress): void {
  if (waiting.length >= MAX_WAITING && progress.id !== undefined) {
    const same = waiting.findLastIndex(
      ({ id, progressDetail }) => id === progress.id && progressDetail !== undefined,
    );
    if (same >= 0) {
      waiting[same] = progress;
      return;
    }
  }
  waiting.push(progress);
}

function encode(progress: Progress): string {
  return `${JSON.stringify(progress)}\r\n`;
}
