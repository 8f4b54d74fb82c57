const width = 50;
const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** `[====>      ]  1.5MB/3MB`, as Docker's daemon draws it for those who cannot. */
export function progressBar(current: number, total: number): string {
  if (total <= 0) return humanSize(current).padStart(8);
  const filled = Math.min(Math.floor(Math.trunc((current / total) * 100) / 2), width);
  const bar = `[${"=".repeat(filled)}>${" ".repeat(width - filled)}]`;
  const numbers = humanSize(current).padStart(8) + (current > total ? "" : `/${humanSize(total)}`);
  return `${bar} ${numbers}`;
}

/** Four significant digits, units of a thousand. */
function humanSize(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${units[unit]}`;
}
