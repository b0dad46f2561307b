// The token, the state of the bridge, and the events that all else is shown from.

let status = null;  // what the daemon said of itself last

// The token -------------------------------------------------------------------------------------

const token_key = "mqtt-bridge-token";

/// fetch() with the token, if there is one.
function ask(path, options = {}, token = sessionStorage.getItem(token_key)) {
  const headers = {...options.headers, ...(token && {"Authorization": `Bearer ${token}`})};
  return fetch(path, {...options, headers, cache: "no-store"});
}

function ask_for_token() {
  show_state("wait", "Token needed");
  if (sessionStorage.getItem(token_key))
    notice("This is not the bridge's token.");
  sessionStorage.removeItem(token_key);
  $("bench").hidden = true;
  if ($("token-form").hidden) {
    $("token-form").hidden = false;
    $("token").focus();
  }
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(token_key, $("token").value.trim());
  $("token").value = "";
  $("token-form").hidden = true;
  $("bench").hidden = false;
  notice("");
  listen();
});

// The state -------------------------------------------------------------------------------------

function show_state(state, text) {
  $("state").dataset.state = state;
  say($("state"), text);
}

function notice(text, kind = "") {
  $("notice").className = `notice ${kind}`;
  $("notice").hidden = !text;
  say($("notice"), text);
}

function show_status(now) {
  const before = status;
  status = now;
  show_state(now.ready ? "good" : "bad", now.ready ? "Ready" : "Not ready");
  if (!now.ready)
    notice(`Calls cannot be answered now: ${now.why_not_ready}.`);
  else
    notice(now.warning ? `Warning: ${now.warning}.` : "", "warning");
  const version = now.mqtt_version ? `, MQTT ${now.mqtt_version}` : "";
  if ($("broker").textContent !== `Broker ${now.broker}${version}`)
    $("broker").replaceChildren("Broker ", make("b", {textContent: now.broker}), version);
  say($("version"), `Version ${now.version}, up ${duration(now.uptime_seconds)}`);
  const key = (each) => each && JSON.stringify([each.actions, each.routes, each.netid]);
  if (key(before) !== key(now))
    show_targets();
  show_responders(now.responders);
  show_numbers(now);
}

// What comes from /events ------------------------------------------------------------------------

/// The events of a text/event-stream. EventSource cannot send a token, so this reads it itself.
async function* events_of(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const {value, done} = await reader.read();
    if (done)
      return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").filter((line) => line.startsWith(`${name}: `))
        .map((line) => line.slice(name.length + 2)).join("\n");
      if (field("data"))
        yield {name: field("event"), data: JSON.parse(field("data"))};
    }
  }
}

const pause = (ms) => new Promise((go_on) => setTimeout(go_on, ms));
const patience = 10_000;  // an event comes each second
let listening = null;     // the AbortController of what is read now

/// Reads events until the page is hidden: a browser has few connections for all of its tabs.
async function listen() {
  listening?.abort();
  const mine = listening = new AbortController();
  while (!mine.signal.aborted) {
    let watch = setTimeout(() => stale.abort(), patience);
    const stale = new AbortController();
    mine.signal.addEventListener("abort", () => stale.abort());
    try {
      const response = await ask("/events", {signal: stale.signal});
      if (response.status === 401)
        return ask_for_token();
      if (!response.ok)
        throw new Error((await response.json()).detail);
      const begun = new Set();
      for await (const {name, data} of events_of(response.body)) {
        clearTimeout(watch);
        watch = setTimeout(() => stale.abort(), patience);
        take[name]?.(data, !begun.has(name));
        begun.add(name);
      }
      throw new Error("the daemon has ended the connection");
    } catch (error) {
      if (mine.signal.aborted)
        return;
      show_state("bad", "No contact");
      notice(`No contact with the bridge: ${error.message}. This page tries again.`);
    } finally {
      clearTimeout(watch);
    }
    await pause(1000);
  }
}

const take = {
  status: show_status,
  seconds(data, is_first) {
    seconds = [...(is_first ? [] : seconds), ...data].slice(-seconds_shown);
    plots.forEach((plot) => plot.draw());
  },
  calls(data, is_first) { calls = add(calls, data, is_first, show_calls); },
  dropped(data, is_first) { dropped = add(dropped, data, is_first, show_dropped); },
};

document.addEventListener("visibilitychange", () => {
  if (!document.hidden)
    listen();
  else
    listening?.abort();
});

// The page is painted first.
requestAnimationFrame(() => setTimeout(() => {
  plots.forEach((plot) => plot.draw());
  listen();
}));
