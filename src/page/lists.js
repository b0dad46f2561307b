// The latest calls and drops, the responders, and the numbers of now.

const rows_shown = 50;
let calls = [];    // the latest, the newest first
let dropped = [];  // the same

const time_of = (date) => date.toLocaleTimeString("en-GB");
/// Topics and paths may be broken behind a slash.
const breakable = (text) => text.split("/").flatMap((part, i) => i ? ["/", make("wbr"), part] : [part]);
const empty = (text) => make("p", {className: "empty", textContent: text});

/// `columns`: their titles and classes. `rows`: what each cell holds.
function table(columns, rows) {
  const cell = (name, i, children, more = {}) =>
    make(name, {className: columns[i][1] ?? "", ...more}, ...children);
  return make("table", {className: "list"},
    make("thead", {}, make("tr", {}, ...columns.map(([title], i) =>
      cell("th", i, [title], {scope: "col"})))),
    make("tbody", {}, ...rows.map((row) =>
      make("tr", {}, ...row.map((children, i) => cell("td", i, children))))));
}

function show_calls(list) {
  if (list.length === 0)
    return $("calls").replaceChildren(empty("No call yet. Calls of all programs show up here, without their texts."));
  const what = ({route, action, netid}) => route ? breakable(route)
    : [action, make("span", {className: "of", textContent: ` of ${netid}`})];
  $("calls").replaceChildren(table(
    [["Time"], ["Action or route", "what"], ["Outcome"], ["Matched by", "rule"], ["Took", "number took"],
      ["Request-Id", "request-id"]],
    list.map((call) => [[time_of(call.at)], what(call),
      [make("span", {className: call.outcome === "ok" ? "outcome good" : "outcome", textContent: call.outcome})],
      [call.matched_by], [call.milliseconds === null ? "" : milliseconds(call.milliseconds)],
      [make("code", {className: "of", textContent: call.request_id})]])));
}

function show_dropped(list) {
  if (list.length === 0)
    return $("dropped").replaceChildren(empty("None since the daemon started, or none of late."));
  $("dropped").replaceChildren(table(
    [["Time"], ["Topic", "what"], ["Why"], ["Size", "number size"]],
    list.map(({at, topic, reason, bytes}) => [[time_of(at)], [make("code", {}, ...breakable(topic))],
      [make("b", {className: "reason", textContent: reason}), `: ${reasons[reason] ?? ""}`],
      [`${bytes.toLocaleString("en")} B`]])));
}

function show_responders(all) {
  const list = all.filter(({here}) => here);
  const key = JSON.stringify(list);
  if (show_responders.key === key)
    return;
  show_responders.key = key;
  if (list.length === 0) {
    const text = all.length > 0 ? "All have gone."
      : "None has. A responder need not: the bridge calls those that do not, too.";
    return $("responders").replaceChildren(empty(text));
  }
  $("responders").replaceChildren(make("ul", {className: "people"}, ...list.map(({id, actions}) =>
    make("li", {}, make("div", {className: "mono", textContent: id}),
      make("div", {className: "tags"}, ...actions.map((each) => make("span", {textContent: each})))))));
}

function show_numbers({calls: {in_flight, queued}, http_connections, times_linked, dropped_responses}) {
  const all_dropped = Object.values(dropped_responses).reduce((sum, each) => sum + each, 0);
  const rows = [["Calls that wait for their answer", in_flight], ["Calls that wait to be published", queued],
    ["HTTP connections", http_connections], ["Connections to the broker since the start", times_linked],
    ["Dropped responses since the start", all_dropped]];
  if ($("numbers").children.length === 0) {
    $("numbers").append(...rows.flatMap(([name]) =>
      [make("dt", {textContent: name}), make("dd")]));
  }
  rows.forEach(([, value], i) => say($("numbers").children[2 * i + 1], value.toLocaleString("en")));
}

/// The newest first, each with the time at which it was.
function add(list, data, is_first, show) {
  const came = data.map((each) => ({...each, at: new Date(Date.now() - each.ago_ms)})).reverse();
  const all = [...came, ...(is_first ? [] : list)].slice(0, rows_shown);
  if (came.length > 0 || is_first)
    show(all);
  return all;
}
