// Numbers and times as people read them.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** A whole number, beyond ten thousand in short. */
export function count(number) {
  return number < 10_000 ? plain.format(number) : short.format(number);
}

/** US dollars with three significant figures where they are small. */
export function usd(amount) {
  const size = Math.abs(amount);
  if (size === 0) return "$0";
  if (size >= 1000) return `$${short.format(amount)}`;
  if (size >= 1) return `$${amount.toFixed(2)}`;
  const digits = Math.min(8, 2 - Math.floor(Math.log10(size)));
  return `$${amount.toFixed(digits).replace(/(\.\d\d+?)0+$/, "$1")}`;
}

/** A share from 0 to 1 as percent. */
export function percent(share, digits = 1) {
  if (!Number.isFinite(share)) return "–";
  return `${(100 * share).toFixed(Math.abs(share) >= 0.995 || share === 0 ? 0 : digits)} %`;
}

/** Microseconds in the unit that suits them. */
export function duration(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 10_000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1_000_000) return `${Math.round(us / 1000)} ms`;
  if (us < 100_000_000) return `${(us / 1e6).toFixed(1)} s`;
  return `${Math.round(us / 60e6)} min`;
}

/** How long something lasts that is counted in seconds. */
export function lasting(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A moment on the user's clock: with the date where the stretch is longer than a day. */
export function moment(us, span_us = 0) {
  const date = new Date(us / 1000);
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (span_us < 23 * 3600e6) return time;
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return span_us < 48 * 3600e6 ? `${day} ${time}` : day;
}

/** A moment to the second. */
export function second(us) {
  return new Date(us / 1000).toLocaleTimeString("en-GB");
}

/** A name such as `low_confidence` in words. */
export function words(name) {
  return String(name).replaceAll("_", " ");
}

/** `one` or `many`, after the number. */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}
