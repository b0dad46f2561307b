// The form that calls, and what it shows of the answer.

function show_targets() {
  const chosen = $("target").value;
  const group = (label, options) => make("optgroup", {label}, ...options);
  const option = (value, text) => make("option", {value, textContent: text});
  const groups = [group("Actions", status.actions.map((each) => option(`action ${each}`, each)))];
  const routes = status.routes.first.map((each, i) => option(`route ${i}`, each.path));
  if (status.routes.count > routes.length)  // the daemon names the first hundred
    routes.push(option("route other", "another route"));
  if (routes.length > 0)
    groups.push(group("Routes", routes));
  $("target").replaceChildren(...groups);
  if ([...$("target").options].some((each) => each.value === chosen))
    $("target").value = chosen;
  $("netid").placeholder = status.netid || "name one";
  show_fields();
}

/// The route that is chosen; nothing for an action.
function chosen_route() {
  const [kind, which] = $("target").value.split(" ");
  return kind !== "route" ? null : status.routes.first[Number(which)]
    ?? {path: "/{path...}", methods: ["POST", "GET"]};
}

function show_fields() {
  const route = chosen_route();
  $("netid-field").hidden = Boolean(route);
  $("route-token-field").hidden = true;
  $("route-token").value = "";
  $("method-field").hidden = !route || route.methods.length < 2;
  say($("text-label"), route ? "Body" : "Text");
  $("method").replaceChildren(...(route?.methods ?? []).map((each) =>
    make("option", {value: each, textContent: each})));
  const names = [...(route?.path ?? "").matchAll(/\{([^}.]+)(\.\.\.)?\}/g)];
  $("variables").replaceChildren(...names.map(([, name, rest]) =>
    make("label", {className: "field"}, make("span", {textContent: name}),
      Object.assign(make("input", {required: true, autocomplete: "off", spellcheck: false,
        placeholder: rest ? "a/b" : ""}), {name}))));
  show_command();
}

/// The method, path and body of the call that the form describes.
function described_call() {
  const route = chosen_route();
  const query = new URLSearchParams();
  let path = `/transform/${$("target").value.split(" ")[1] ?? ""}`;
  if (route) {
    path = route.path.replace(/\{([^}.]+)(\.\.\.)?\}/g, (_, name, rest) => {
      const value = $("variables").querySelector(`[name="${CSS.escape(name)}"]`).value;
      return rest ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
    });
  } else if ($("netid").value) {
    query.set("netid", $("netid").value);
  }
  if ($("timeout").value)
    query.set("timeout", $("timeout").value);
  const method = route ? $("method").value : "POST";
  const target = path + (query.size ? `?${query}` : "");
  return {method, target, body: method === "GET" ? null : $("text").value, route};
}

function show_command() {
  const {method, target, body} = described_call();
  $("text-field").hidden = method === "GET";
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const token = sessionStorage.getItem(token_key)
    ? ' -H "Authorization: Bearer $(cat TOKEN-FILE)"' : "";
  const data = method === "GET" ? "" : ` --data-raw ${quoted(body)}`;
  say($("command"), `curl${token}${data} ${quoted(location.origin + target)}`);
}

for (const kind of ["input", "change"])
  $("call").addEventListener(kind, (event) => event.target.id === "target" ? show_fields() : show_command());
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    $("call").requestSubmit();
  }
});
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("command").textContent);
    say($("copy"), "Copied");
  } catch {
    getSelection().selectAllChildren($("command"));
    say($("copy"), "Selected: press Ctrl C");
  }
  setTimeout(() => say($("copy"), "Copy"), 2000);
});

$("call").addEventListener("submit", async (event) => {
  event.preventDefault();
  if ($("send").getAttribute("aria-disabled") === "true")
    return;
  const call = described_call();
  $("send").setAttribute("aria-disabled", "true");
  say($("send"), "Calling…");
  try {
    const headers = call.route ? {} : {"Accept": "application/json"};
    if (call.body !== null)
      headers["Content-Type"] = call.route ? body_type(call.body) : "text/plain; charset=utf-8";
    const began = performance.now();
    const response = await ask(call.target, {method: call.method, body: call.body, headers},
      $("route-token").value || undefined);
    const text = await response.text();
    if (response.status === 401)
      call.route ? $("route-token-field").hidden = false : ask_for_token();
    show_answer(call, response, text, performance.now() - began);
  } catch (error) {
    $("answer").replaceChildren(verdict("No answer", true),
      make("p", {textContent: "The daemon did not answer, or the connection to it broke."}));
  }
  $("send").removeAttribute("aria-disabled");
  say($("send"), "Call");
});

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function body_type(text) {
  return parsed(text) === undefined ? "text/plain; charset=utf-8" : "application/json";
}

// The answer ------------------------------------------------------------------------------------

function verdict(text, is_bad, took = "") {
  return make("p", {className: "verdict"},
    make("span", {className: is_bad ? "status bad" : "status", textContent: text}),
    make("span", {className: "took", textContent: took}));
}

function show_answer(call, response, text, round_trip) {
  const type = response.headers.get("Content-Type") ?? "";
  const json = /json/.test(type) ? parsed(text) : undefined;
  const is_problem = type.startsWith("application/problem+json") && json !== undefined;
  const took = times_of(response.headers.get("Server-Timing") ?? "");
  const parts = [verdict(`${response.status} ${is_problem ? json.title : response.statusText}`,
    !response.ok, took.total === undefined ? "" : milliseconds(took.total))];
  if (is_problem) {
    parts.push(make("p", {textContent: json.detail}));
    if (json.response !== undefined)
      parts.push(payload(json.response));
  } else if (!call.route && response.ok) {
    parts.push(payload(json.response));
  } else if (text) {
    parts.push(payload(json ?? text));
  }
  const id = response.headers.get("Request-Id");
  parts.push(facts([
    ["Matched by", is_problem ? "" : rules[json?.matched_by] ?? ""],
    ["Answers by", call.route && response.ok ? links[call.route.answers_by] ?? "" : ""],
    ["Responder", call.route ? "" : json?.responder ?? ""],
    ["Problem", is_problem ? problem(json.type) : ""],
    ["Try again", !is_problem ? "" : json.retryable ? "yes: it was not published"
      : "with care: it may have been carried out, or would fail again"],
    ["Request-Id", id ?? ""],
  ]));
  if (took.total !== undefined)
    parts.push(where_the_time_went(took, round_trip));
  $("answer").replaceChildren(...parts);
}

/// Its slug, with what the runbook says of it behind.
function problem(type) {
  const slug = type.split(/[:/#]/).pop();
  return /^(\/|https?:)/.test(type) ? make("a", {href: type, textContent: slug}) : slug;
}

function payload(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return make("pre", {className: "payload", tabIndex: 0, ariaLabel: "Text of the answer",
    textContent: text});
}

/// Those that have a value.
function facts(rows) {
  return make("dl", {className: "facts"}, ...rows.filter(([, value]) => value).flatMap(
    ([name, value]) => [make("dt", {textContent: name}), make("dd", {}, value)]));
}

/// Of a Server-Timing field: the parts' names and milliseconds.
function times_of(field) {
  return Object.fromEntries([...field.matchAll(/([a-z]+);dur=([0-9.]+)/g)].map(
    ([, name, value]) => [name, Number(value)]));
}

/// Its bars begin where the part began: the acknowledgement and the response both wait from the
/// moment of publishing.
function where_the_time_went(took, round_trip) {
  const whole = Math.max(took.total, 0.001);
  const bar = (from, length) => svg("svg",
    {viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true"},
    svg("rect", {class: "track", width: 1000, height: 10, rx: 4}),
    svg("rect", {class: "part", x: 1000 * from / whole, height: 10, rx: 4,
      width: Math.max(1000 * length / whole, 6)}));
  const row = (name, from, length) => length === undefined ? [] : [make("tr", {},
    make("th", {scope: "row", textContent: name}),
    make("td", {className: "span"}, bar(from, length)),
    make("td", {className: "ms", textContent: milliseconds(length)}))];
  const published = took.queue ?? 0;
  return make("table", {className: "where"},
    make("caption", {textContent:
      `Where the time went (${milliseconds(round_trip)} as this browser saw it)`}),
    ...row("waited to publish", 0, took.queue),
    ...row("waited for PUBACK", published, took.puback),
    ...row("waited for response", published, took.response));
}
