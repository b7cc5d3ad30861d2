// The report's page: everything is drawn from the JSON beside it. Names come from the model, so they enter the page as
// text only, never as markup.
"use strict";
const report = JSON.parse(document.getElementById("data").textContent);
const places = report.places;
const byName = new Map(places.map((place, i) => [place.node, i]));
const find = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "rect", "path", "line", "circle", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Numbers ---------------------------------------------------------------------------------------------------------------

const known = (x) => typeof x === "number" && Number.isFinite(x);
const decibel = (x) => (known(x) ? `${x.toFixed(1)} dB` : "–");
const percent = (x) => (known(x) ? `${Number((100 * x).toPrecision(3))} %` : "–");
const short = (x) => (known(x) ? Number(x.toPrecision(4)).toString() : "–");

function amount(x) {
  if (!known(x)) return "–";
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (x >= size) return `${(x / size).toPrecision(3)} ${unit}`;
  }
  return String(x);
}

// Summary ---------------------------------------------------------------------------------------------------------------

function summary() {
  const s = report.summary;
  find("model").textContent = `${report.model} → ${report.graph}`;
  find("notes").textContent = report.notes.join("\n");
  const tiles = [
    [`${s.int8} of ${s.places}`, "operations are int8"],
    [percent(s.macs ? s.int8_macs / s.macs : 1), `of ${amount(s.macs)} multiply-accumulates are int8`],
    [String(s.conversions), "conversions between fp32 and int8"],
    [decibel(s.output_sqnr_db), `signal to noise at the last int8 results, ${s.measured} samples`],
    [`${amount(s.parameters)}B`, "parameters, as they are stored"],
    [String(s.samples), `calibration samples, method ${s.method}`],
  ];
  find("summary").append(...tiles.map(([value, text]) =>
    element("div", { class: "tile" }, element("b", {}, value), element("span", {}, text))));
}

// Flow: layer by layer from the inputs down, each place under its first input where there is room ------------------------

const CELL = { width: 210, height: 58, box: 184, tall: 40 };

function layout() {
  const depth = [], lane = [], taken = new Map();
  places.forEach((place, i) => {
    const inputs = place.inputs.map((name) => byName.get(name)).filter((j) => j !== undefined && j < i);
    depth[i] = Math.max(-1, ...inputs.map((j) => depth[j])) + 1;
    const row = taken.get(depth[i]) ?? taken.set(depth[i], new Set()).get(depth[i]);
    let at = inputs.length ? Math.min(...inputs.map((j) => lane[j])) : 0;
    while (row.has(at)) at += 1;
    row.add(at);
    lane[i] = at;
  });
  return places.map((_, i) => ({ x: lane[i] * CELL.width + 12, y: depth[i] * CELL.height + 8 }));
}

function flow() {
  const at = layout();
  const width = Math.max(0, ...at.map((p) => p.x)) + CELL.width, height = Math.max(0, ...at.map((p) => p.y)) + CELL.height;
  const svg = element("svg", { width, height, role: "img", "aria-label": "The network's operations and their types" });
  places.forEach((place, i) => place.inputs.forEach((name) => {
    const j = byName.get(name);
    if (j === undefined || j >= i) return;
    const [x0, y0] = [at[j].x + CELL.box / 2, at[j].y + CELL.tall], [x1, y1] = [at[i].x + CELL.box / 2, at[i].y];
    // An edge that passes other places bends aside.
    const bend = y1 - y0 > CELL.height ? CELL.box * 0.62 : 0, middle = (y0 + y1) / 2;
    svg.append(element("path", { class: "edge", d: `M${x0} ${y0} C${x0 + bend} ${middle} ${x1 + bend} ${middle} ${x1} ${y1}` }));
  }));
  places.forEach((place, i) => {
    const node = element("g", { class: `node ${place.form}`, transform: `translate(${at[i].x} ${at[i].y})`, tabindex: 0, "data-place": i },
      element("title", {}, `${place.node}\n${place.ops}\n${place.result}`),
      element("rect", { width: CELL.box, height: CELL.tall, rx: 5 }),
      element("rect", { class: "band", width: 6, height: CELL.tall, rx: 3 }),
      element("text", { x: 14, y: 16 }, clip(place.ops, 27)),
      element("text", { x: 14, y: 31, class: "dim" }, clip(`${place.shape.join("×")} ${place.result}`, 28)));
    node.addEventListener("click", () => select(i));
    node.addEventListener("keydown", (event) => { if (event.key === "Enter") select(i); });
    svg.append(node);
  });
  find("flow").append(svg);
}

const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// The line of cumulative error and the bars of sensitivity ---------------------------------------------------------------

function chart() {
  const step = Math.max(10, Math.min(26, 1200 / Math.max(1, places.length)));
  const [left, top, tall] = [46, 10, 200], width = left + places.length * step + 20, top_db = 60;
  const y = (db) => top + tall * (1 - Math.max(0, Math.min(top_db, db)) / top_db);
  const svg = element("svg", { width, height: tall + 30, role: "img", "aria-label": "Error along the network" });
  for (let db = 0; db <= top_db; db += 10) {
    svg.append(element("line", { class: "axis", x1: left, x2: width - 10, y1: y(db), y2: y(db) }),
      element("text", { class: "dim", x: left - 8, y: y(db) + 4, "text-anchor": "end" }, `${db} dB`));
  }
  const points = [];
  places.forEach((place, i) => {
    const x = left + (i + 0.5) * step;
    if (known(place.sensitivity_db)) {
      svg.append(element("rect", { class: "bar", x: x - step * 0.35, width: step * 0.7, y: top, height: y(place.sensitivity_db) - top },
        element("title", {}, `${place.node}: output at ${decibel(place.sensitivity_db)} with only this int8`)));
    }
    if (known(place.cumulative_sqnr_db)) points.push([x, y(place.cumulative_sqnr_db), i]);
  });
  svg.append(element("path", { class: "curve", d: points.map(([x, v], i) => `${i ? "L" : "M"}${x} ${v}`).join("") || "M0 0" }));
  for (const [x, v, i] of points) {
    const dot = element("circle", { cx: x, cy: v, r: 4, fill: "var(--int8)", style: "cursor:pointer" },
      element("title", {}, `${places[i].node}: ${decibel(places[i].cumulative_sqnr_db)}`));
    dot.addEventListener("click", () => select(i));
    svg.append(dot);
  }
  find("chart").append(svg);
}

// Histograms -------------------------------------------------------------------------------------------------------------

function histogram(activation, width, tall, full) {
  const { low, high, counts } = activation.histogram;
  const greatest = Math.log1p(Math.max(1, ...counts)), span = high - low || 1;
  const x = (value) => ((value - low) / span) * width;
  const svg = element("svg", { width, height: tall + (full ? 18 : 0), role: "img", "aria-label": "Distribution, logarithmic counts" });
  const bin = width / counts.length;
  counts.forEach((count, i) => {
    const height = (Math.log1p(count) / greatest) * (tall - 2);
    if (count) svg.append(element("rect", { class: "bin", x: i * bin, width: Math.max(bin, 0.5), y: tall - height, height }));
  });
  const mark = (value, kind, text) => {
    if (value < low || value > high) return;
    svg.append(element("line", { class: kind, x1: x(value), x2: x(value), y1: 0, y2: tall }, element("title", {}, text)));
  };
  const both = (value, kind, text) => { mark(value, kind, text); if (low < 0) mark(-value, kind, text); };
  if (full) activation.candidates.forEach((c) => both(c.threshold, "candidate", `${c.method}: ${short(c.threshold)}`));
  both(activation.threshold, "threshold", `clipped beyond ${short(activation.threshold)}`);
  if (full) {
    svg.append(element("text", { class: "dim", x: 0, y: tall + 14 }, short(low)),
      element("text", { class: "dim", x: width, y: tall + 14, "text-anchor": "end" }, short(high)));
  }
  return svg;
}

// The chosen place -------------------------------------------------------------------------------------------------------

function select(i) {
  const place = places[i], a = place.activation, panel = find("detail");
  document.querySelectorAll(".selected").forEach((e) => e.classList.remove("selected"));
  document.querySelectorAll(`[data-place="${i}"]`).forEach((e) => e.classList.add("selected"));
  const facts = [["ops", place.ops], ["result", place.result], ["shape", place.shape.join(" × ")],
    ["multiply-accumulates", amount(place.macs)], ["parameters", `${amount(place.parameters)}B`], ["reads and writes", `${amount(place.traffic)}B`],
    ["weights", decibel(place.weights_sqnr_db)], ["activation", decibel(a?.sqnr_db)],
    ["cumulative", decibel(place.cumulative_sqnr_db)], ["alone in int8, output at", decibel(place.sensitivity_db)]];
  if (place.reason) facts.push(["stays fp32:", place.reason]);
  const list = element("dl", {}, ...facts.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
  panel.replaceChildren(element("h2", {}, place.node), list);
  if (!a) return;
  panel.append(element("p", { class: "lead" }, `Values of the samples, counts logarithmic; ${percent(a.clipped)} clipped at ±${short(a.threshold)} by ${a.method}; seen ${short(a.seen[0])} to ${short(a.seen[1])}.`),
    histogram(a, 420, 130, true));
  const head = element("tr", {}, ...["method", "threshold", "clipped", "own error", "downstream"].map((t) => element("th", {}, t)));
  const rows = a.candidates.map((c) => element("tr", {}, ...[c.method, short(c.threshold), percent(c.clipped), decibel(c.sqnr_db), decibel(c.downstream_db)]
    .map((t) => element("td", {}, t))));
  panel.append(element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

// The table --------------------------------------------------------------------------------------------------------------

const COLUMNS = [
  { title: "#", of: (_, i) => i },
  { title: "Node", of: (p) => p.node, kind: "text name" },
  { title: "Ops", of: (p) => p.ops, kind: "text" },
  { title: "Result", of: (p) => p.result, kind: "text" },
  { title: "Values", of: (p) => p.activation?.clipped, cell: (p) => (p.activation ? histogram(p.activation, 90, 22, false) : "–") },
  { title: "Method", of: (p) => p.activation?.method ?? "", kind: "text" },
  { title: "Clipped", of: (p) => p.activation?.clipped, show: percent },
  { title: "Weights", of: (p) => p.weights_sqnr_db, show: decibel },
  { title: "Activation", of: (p) => p.activation?.sqnr_db, show: decibel },
  { title: "Cumulative", of: (p) => p.cumulative_sqnr_db, show: decibel },
  { title: "Alone", of: (p) => p.sensitivity_db, show: decibel },
  { title: "MACs", of: (p) => p.macs, show: amount },
  { title: "Bytes", of: (p) => p.parameters + p.traffic, show: amount },
  { title: "Why fp32", of: (p) => p.reason, kind: "text why" },
];

function rows() {
  return places.map((place, i) => {
    const cells = COLUMNS.map((column) => {
      const value = column.of(place, i);
      const text = column.cell ? column.cell(place) : column.show ? column.show(value) : String(value);
      return element("td", { class: column.kind ?? "" }, text);
    });
    const row = element("tr", { "data-place": i }, ...cells);
    row.addEventListener("click", () => select(i));
    return row;
  });
}

function table() {
  const all = rows(), body = find("layers").tBodies[0];
  let order = all.map((_, i) => i);
  const show = () => {
    const wanted = find("filter").value.toLowerCase();
    const kept = order.filter((i) => `${places[i].node} ${places[i].ops} ${places[i].reason}`.toLowerCase().includes(wanted));
    body.replaceChildren(...kept.map((i) => all[i]));
    find("count").textContent = `${kept.length} of ${places.length}`;
  };
  COLUMNS.forEach((column) => {
    const head = element("th", { class: column.kind ?? "", "aria-sort": "none" }, element("button", { type: "button" }, column.title));
    head.firstChild.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of head.parentNode.children) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      order = sorted(column, down);
      show();
    });
    find("layers").tHead.rows[0].append(head);
  });
  find("filter").addEventListener("input", show);
  show();
}

// What is not known comes last, whichever way.
function sorted(column, down) {
  const value = places.map((place, i) => column.of(place, i));
  const lacks = (i) => value[i] === undefined || value[i] === null || value[i] === "";
  const compare = (a, b) => (typeof value[a] === "string" ? value[a].localeCompare(value[b]) : value[a] - value[b]);
  return places.map((_, i) => i).sort((a, b) => lacks(a) - lacks(b) || (lacks(a) ? 0 : (down ? -1 : 1) * compare(a, b)) || a - b);
}

function islands() {
  const reasons = new Map();
  places.filter((p) => p.reason).forEach((p) => reasons.set(p.reason, [...(reasons.get(p.reason) ?? []), p]));
  const items = [...reasons].map(([reason, list]) =>
    element("li", {}, `${list.length} × ${reason}: ${clip(list.map((p) => `${p.ops} ${p.node}`).join(", "), 240)}`));
  find("islands").append(...(items.length ? items : [element("li", {}, "nothing: int8 from the first layer to the last")]));
}

find("theme").addEventListener("click", () => {
  const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
summary();
flow();
chart();
islands();
table();
if (places.length) select(Math.max(0, places.findIndex((p) => p.activation)));
