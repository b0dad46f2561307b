// Elements and texts.

const $ = (id) => document.getElementById(id);

/// An element with properties and children; texts are texts, never HTML.
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes))
    element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/// Writes only what differs, so that a screen reader is not told the same twice.
function say(element, text) {
  if (element.textContent !== text)
    element.textContent = text;
}

function milliseconds(value) {
  const in_seconds = value >= 1000;
  const number = in_seconds ? value / 1000 : value;
  return `${number.toFixed(number < 10 ? 2 : number < 100 ? 1 : 0)} ${in_seconds ? "s" : "ms"}`;
}

function duration(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = parts.findIndex(([, size]) => seconds >= size);
  if (first < 0)
    return "0 s";
  return parts.slice(first, first + 2).map(([unit, size], i, all) =>
    `${Math.floor((i ? seconds % all[0][1] : seconds) / size)} ${unit}`).join(" ");
}
