// The browser's half of widgets/models/units.py: the same numbers in the same words.

const threeDigits = (value: number): string =>
  Math.abs(value) >= 99.95 ? value.toFixed(0) : String(Number(value.toPrecision(3)));

/** Bytes in decimal units: 16777216 -> "16.8 MB". */
export function formatBytes(count: number): string {
  if (count < 1000) return `${count} B`;
  let unit = "";
  for (unit of ["kB", "MB", "GB", "TB"]) {
    count /= 1000;
    if (count < 999.5) break;
  }
  return `${threeDigits(count)} ${unit}`;
}

/** Seconds in the unit that fits: 0.00123 -> "1.23 ms". */
export function formatSeconds(seconds: number): string {
  for (const [factor, unit] of [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]] as const)
    if (Math.abs(seconds) >= 0.9995 * factor) return `${threeDigits(seconds / factor)} ${unit}`;
  return `${threeDigits(seconds * 1e9)} ns`;
}

export const formatMilliseconds = (milliseconds: number): string => formatSeconds(milliseconds / 1000);

/** A count with thin spaces between thousands: 1000000 -> "1 000 000". */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

export const plural = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Three digits, with a power of ten where many zeros would stand: 0.000012 -> "1.2e-5". */
export const formatNumber = (value: number): string => String(Number(value.toPrecision(3)));

/** A rate with its prefix, before a unit: 1230000000 -> "1.23 G". */
export function formatRate(value: number): string {
  for (const [factor, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (value >= factor * 0.9995) return `${Number((value / factor).toPrecision(3))} ${prefix}`;
  return `${Number(value.toPrecision(3))} `;
}
