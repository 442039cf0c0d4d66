// Numbers, days and times as people read them. Days are UTC, as the pipeline's partitions are.

const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const MONTH = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const NUMBER = new Intl.NumberFormat();
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

export const number = (value) => NUMBER.format(value);
export const day = (value) => DAY.format(new Date(value));
export const moment = (value) => `${MOMENT.format(new Date(value))} UTC`;
export const counted = (amount, one, many = `${one}s`) => `${number(amount)} ${amount === 1 ? one : many}`;
export const words = (name) => name.replaceAll("_", " ").replaceAll("-", " ");

export function ago(value) {
  const seconds = (new Date(value) - Date.now()) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return AGO.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/** A bucket of the timeline. */
export function period(start, unit) {
  if (unit === "week") return `Week of ${day(start)}`;
  if (unit === "month") return MONTH.format(new Date(start));
  return unit === "year" ? start.slice(0, 4) : day(start);
}
