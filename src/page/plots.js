// The plots of the last two minutes.

const seconds_shown = 120;
let seconds = [];  // of the last two minutes, the latest at the end

/// The next round number: 1, 2 or 5 times a power of ten.
function round_up(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((each) => each * power >= value * 0.999);
}

const width = 600;
const height = 100;

class Plot {
  /// `of`: the values of a second, the first one's name in the readout. `as`: a value as text.
  constructor(id, {title, of, as, least, paint}) {
    Object.assign(this, {title, of, as, least, paint});
    this.now = $(id).querySelector(".now");
    this.svg = svg("svg", {role: "img", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none"});
    this.top = make("span", {className: "top", ariaHidden: "true"});
    const area = make("div", {className: "area"}, this.svg, this.top);
    $(id).append(area, make("div", {className: "axis", ariaHidden: "true"},
      make("span", {textContent: "2 minutes ago"}), make("span", {textContent: "now"})));
    area.addEventListener("pointermove", (event) => {
      const {left, width: wide} = area.getBoundingClientRect();
      this.shown = Math.round((1 - (event.clientX - left) / wide) * (seconds_shown - 1));
      this.draw();
    });
    area.addEventListener("pointerleave", () => {
      this.shown = undefined;
      this.draw();
    });
  }

  x(i) { return width * (1 - (seconds.length - 1 - i) / (seconds_shown - 1)); }
  y(value) { return height * (1 - value / this.most); }

  draw() {
    const values = seconds.map(this.of);
    this.highest = Math.max(0, ...values.flatMap((each) => Object.values(each)).filter(Number.isFinite));
    this.most = round_up(Math.max(this.highest, this.least));
    const at = seconds.length - 1 - Math.max(this.shown ?? 0, 0);
    const line = (y) => svg("line", {class: "grid", x1: 0, x2: width, y1: y, y2: y});
    const parts = [line(0), line(height), ...this.paint(this, values)];
    if (this.shown > 0)
      parts.push(svg("line", {class: "cursor", x1: this.x(at), x2: this.x(at), y1: 0, y2: height}));
    this.svg.replaceChildren(...parts);
    say(this.top, this.as(this.most).replace(/\.0+ /, " "));
    this.show_value(values[at], this.shown);
    const latest = Object.entries(values.at(-1) ?? {}).map(([name, value]) => `${name} ${this.as(value)}`);
    this.svg.setAttribute("aria-label",
      `${this.title}: ${latest.join(", ") || "nothing yet"}; at most ${this.as(this.highest)} in two minutes`);
  }

  show_value(value, ago) {
    const parts = Object.entries(value ?? {}).flatMap(([name, each], i, all) => [
      ...(all.length > 1 ? [make("i", {className: i ? "dashed" : ""}), `${name} `] : []),
      make("b", {textContent: this.as(each)})]);
    this.now.replaceChildren(...(ago > 0 ? [`${ago} s ago: `] : []), ...parts);
  }

  /// The path of a line through the values that there are.
  path(values) {
    let is_down = false;
    return values.map((value, i) => {
      const command = is_down ? "L" : "M";
      is_down = Number.isFinite(value);
      return is_down ? `${command}${this.x(i).toFixed(1)} ${this.y(value).toFixed(1)}` : "";
    }).join("");
  }
}

function lines(plot, values) {
  const names = Object.keys(values.at(-1) ?? {});
  return names.map((name, i) => svg("path",
    {class: i ? "line dashed" : "line", d: plot.path(values.map((each) => each[name]))}));
}

function area(plot, values) {
  if (values.length === 0)
    return [];
  const path = plot.path(values.map((each) => each.calls));
  return [svg("path", {class: "fill", d: `${path}V${height}H${plot.x(0).toFixed(1)}Z`}),
    ...lines(plot, values)];
}

function bars(plot, values) {
  const wide = width / seconds_shown;
  return values.flatMap(({errors}, i) => !errors ? [] : [svg("rect", {class: "bar",
    x: Math.min(plot.x(i) - wide / 2, width - wide), y: plot.y(errors), width: wide * 0.8,
    height: height - plot.y(errors)})]);
}

const count = (value) => value.toLocaleString("en");
const plots = [
  new Plot("plot-calls", {title: "Calls a second", least: 5, paint: area, as: count,
    of: ({calls}) => ({calls})}),
  new Plot("plot-latency", {title: "Latency", least: 0.5, paint: lines,
    as: (value) => Number.isFinite(value) ? milliseconds(value) : "–",
    of: ({p50_ms, p99_ms}) => ({p50: p50_ms ?? NaN, p99: p99_ms ?? NaN})}),
  new Plot("plot-errors", {title: "Errors a second", least: 5, paint: bars, as: count,
    of: ({errors}) => ({errors})}),
];
