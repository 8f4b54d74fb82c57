/** A moment as metadata and conditions have it: RFC 3339, whole seconds. */
export function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

/** The opposite of {@link timeText}; an absent one is the beginning of time. */
export function timeOf(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text);
}
