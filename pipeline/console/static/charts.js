// Draws the figures of the last 30 days, and writes each as a table for who cannot see the drawing.
"use strict";

const box = document.getElementById("charts");
const HEIGHT = 200;
const format = (options) => new Intl.NumberFormat(document.documentElement.lang, options);
const WHOLE = format({ maximumFractionDigits: 0 });
const TENTHS = format({ maximumFractionDigits: 1 });
const shortDay = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", timeZone: "UTC" });

function duration(minutes) {
  const [amount, unit] = minutes < 120 ? [minutes, "min"] : minutes < 2880 ? [minutes / 60, "h"] : [minutes / 1440, "d"];
  return `${(amount < 10 ? TENTHS : WHOLE).format(amount)} ${box.dataset[unit]}`;
}
const WRITTEN = {
  orders: (value) => WHOLE.format(value),
  minutes: duration,
  percent: (value) => `${TENTHS.format(value)} %`,
};

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function tableOf(chart, days) {
  const number = (text, name = "td", more = {}) => element(name, { class: "number", ...more }, text);
  const head = element("tr", {}, element("th", { scope: "col" }, box.dataset.day), ...chart.series.map(([name]) => number(name, "th", { scope: "col" })));
  const rows = days.map((day, at) =>
    element("tr", {}, element("th", { scope: "row" }, day), ...chart.series.map(([, values]) => number(values[at] === null ? "" : WRITTEN[chart.unit](values[at])))),
  );
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  const scrolled = element("div", { class: "wide", role: "region", tabindex: "0", "aria-label": chart.title }, table);
  return element("details", { id: `table-${chart.key}` }, element("summary", {}, box.dataset.table), scrolled);
}

// Bars stand on each other: each is drawn from the ground up to its sum, the highest first.
function stacked(series) {
  const sums = [];
  for (const [, values] of series) {
    const below = sums.at(-1);
    sums.push(values.map((value, at) => value + (below ? below[at] : 0)));
  }
  return sums;
}

function options(chart, labels, width, onDay) {
  const style = getComputedStyle(box);
  const colour = (name) => style.getPropertyValue(name).trim();
  const isBars = chart.kind === "bars";
  const drawn = chart.series.map(([name], at) => {
    const own = colour(`--chart-${at + 1}`);
    return isBars
      ? { label: name, fill: own, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.12 }) }
      : { label: name, stroke: own, width: 2, spanGaps: true, points: { size: 5, fill: own } };
  });
  const axis = { stroke: colour("--quiet"), font: `12px ${colour("--font")}`, grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const last = labels.length - 1;
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !isBars, size: 7 } },
    scales: {
      x: { time: false, range: [-0.6, last + 0.6] },
      y: { range: (_, low, high) => (chart.unit === "percent" ? [Math.min(80, Math.floor((low ?? 80) / 10) * 10), 100] : [0, Math.max(high ?? 0, chart.unit === "orders" ? 4 : 1) * 1.08]) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, splits: () => labels.map((_, at) => at).filter((at) => (last - at) % (width < 420 ? 10 : 5) === 0), values: (_, at) => at.map((one) => labels[one] ?? "") },
      { ...axis, size: { orders: 44, minutes: 62, percent: 54 }[chart.unit], space: 36, incrs: chart.unit === "minutes" ? [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 7200, 14400, 43200] : chart.unit === "orders" ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000] : [5, 10, 20, 25], values: (_, at) => at.map((one) => WRITTEN[chart.unit](one)) },
    ],
    series: [{}, ...(isBars ? drawn.toReversed() : drawn)],
    hooks: { setCursor: [(plot) => onDay(plot.cursor.idx)] },
  };
}

function show(chart, days) {
  const labels = days.map((day) => shortDay.format(new Date(day)));
  const plot = element("div", { class: "plot", "aria-hidden": "true" });
  const legend = element("ul", { class: "legend", "aria-hidden": "true" });
  const hasValues = chart.series.some(([, values]) => values.some((value) => value !== null && (value > 0 || chart.unit !== "orders")));
  const card = element("section", { class: "card", id: `chart-${chart.key}`, "aria-labelledby": `title-${chart.key}` });
  card.append(element("h3", { id: `title-${chart.key}` }, chart.title), element("p", {}, chart.note));
  box.append(card);
  if (!hasValues) {
    card.append(element("p", { class: "empty" }, box.dataset.none));
    return;
  }
  card.append(legend, plot, tableOf(chart, days));
  const name = (at) => {
    const day = at ?? null;
    const items = chart.series.map(([label, values], one) => {
      const item = element("li", { class: `s${one + 1}` }, label);
      if (day !== null && values[day] !== null) item.append(" ", element("b", {}, WRITTEN[chart.unit](values[day])));
      return item;
    });
    if (day !== null) items.push(element("li", { class: "s0" }, labels[day]));
    legend.replaceChildren(...items);
  };
  name(null);
  const values = chart.kind === "bars" ? stacked(chart.series).toReversed() : chart.series.map(([, own]) => own);
  let drawn;
  const draw = () => {
    drawn?.destroy();
    drawn = new uPlot(options(chart, labels, plot.clientWidth, name), [days.map((_, at) => at), ...values], plot);
  };
  draw();
  new ResizeObserver(() => plot.clientWidth && plot.clientWidth !== drawn.width && draw()).observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

async function fill() {
  try {
    const reply = await fetch(box.dataset.from);
    if (!reply.ok) throw new Error(reply.statusText);
    const { days, charts } = await reply.json();
    for (const chart of charts) show(chart, days);
  } catch {
    box.replaceChildren(element("p", { class: "empty" }, box.dataset.failed));
  }
  box.dataset.drawn = "";
}
if (box) fill();
