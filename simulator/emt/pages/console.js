"use strict";

const $ = (id) => document.getElementById(id);
let chosen = null;

// What a home says is shown as text, never as markup.
function node(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function row(table, ...cells) {
  const line = table.insertRow();
  for (const cell of cells) {
    const place = line.insertCell();
    place.append(cell instanceof Node ? cell : document.createTextNode(cell ?? "–"));
  }
}

function fill(id, list, draw) {
  const body = $(id);
  const had = body.dataset.shown;
  const now = JSON.stringify(list);
  if (had === now) return; // what is being typed into stays
  body.dataset.shown = now;
  body.replaceChildren();
  for (const entry of list) draw(body, entry);
  if (!list.length) row(body, "none");
}

const time = (text) => (text ? new Date(text).toLocaleString() : null);
const short = (text) => (text ? text.slice(0, 8) : null);
const watts = (value) => (value === null || value === undefined ? null : `${value} W`);

async function ask(path, options) {
  const answer = await fetch(path, options);
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Error(told.code ? `${told.code}${told.where ? ` (${told.where})` : ""}` : told.error || `HTTP ${answer.status}`);
  }
  return told;
}

const send = (path, body, method = "POST") =>
  ask(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });

function say(text, good = true) {
  $("said").textContent = text;
  $("said").className = good ? "good" : "bad";
}

async function call(path, body, method = "POST") {
  try {
    const told = await send(`${chosen}/call`, { method, path, body });
    say(`${told.verdict ?? "done"}${told.transaction_id ? `: command ${short(told.transaction_id)}` : ""}`);
  } catch (error) {
    say(`Refused: ${error.message}`, false);
  }
  await look();
}

function showItem(body, item) {
  const value = item.quality === "good" ? `${item.value}${item.unit ? ` ${item.unit}` : ""}` : item.quality;
  const held = item.held ? (item.held.by === "you" ? `by us: ${item.held.value}` : "by another") : null;
  const name = node("span", item.name);
  name.title = item.id;
  row(body, name, value, time(item.at), held, item.access === "write" ? setter(item) : "read only");
}

function setter(item) {
  const place = node("span");
  const path = `/items/${encodeURIComponent(item.id)}`;
  const put = (value) =>
    call(`${path}/commands`, { value, ...(item.unit ? { unit: item.unit } : {}), duration_s: Number($("minutes").value) * 60 });
  if (item.kind === "switch") {
    for (const [text, value] of [["On", true], ["Off", false]]) {
      const button = node("button", text);
      button.dataset.item = item.id;
      button.onclick = () => put(value);
      place.append(button, " ");
    }
  } else {
    const input = node(item.kind === "choice" ? "select" : "input");
    if (item.kind === "choice") {
      for (const option of item.options) input.append(node("option", option));
    } else {
      input.type = "number";
      input.step = "any";
      input.placeholder = [item.low, item.high].filter((bound) => bound !== null).join(" – ");
    }
    input.setAttribute("aria-label", item.name);
    const button = node("button", "Set");
    button.dataset.item = item.id;
    button.onclick = () => input.value !== "" && put(input.value);
    place.append(input, " ", button, " ");
  }
  const release = node("button", "Release");
  release.onclick = () => call(`${path}/release`);
  place.append(release);
  return place;
}

// tables would fill the page
const brief = (value) => JSON.stringify(value, (_, part) => (Array.isArray(part) && part.length > 2 ? `${part.length} entries` : part));

function showCommand(body, command) {
  const button = node("button", "Release");
  button.onclick = () => call(`/commands/${command.transaction_id}/release`);
  const what = node("code", brief(command.command));
  row(body, what, command.state, time(command.start), time(command.until) ?? "open end", button);
}

function showReceipt(body, found) {
  const { receipt, good, problems } = found;
  const mark = node("span", good ? "✔ good" : `✘ ${problems.join(", ")}`, good ? "good" : "bad");
  const effect = receipt.effect ? `${receipt.effect.state}: ${receipt.effect.reason ?? ""}` : null;
  const power = receipt.power ? `before ${receipt.power.before ?? "?"}, mean ${receipt.power.mean ?? "?"}` : null;
  const name = node("span", short(receipt.transaction));
  name.title = JSON.stringify(receipt, null, 1);
  row(body, mark, name, receipt.state, receipt.end, effect, power, time(receipt.ended));
}

function showPrices(tables) {
  const slots = tables.flatMap((table) => table.slots ?? []);
  const most = Math.max(...slots.map((slot) => Number(slot.price)), 0.0001);
  const now = Date.now();
  $("chart").replaceChildren(
    ...slots.map((slot) => {
      const bar = node("i");
      bar.style.height = `${Math.max(2, (100 * Number(slot.price)) / most)}%`;
      bar.title = `${time(slot.from)}: ${slot.price}`;
      if (new Date(slot.from) <= now && now < new Date(slot.until)) bar.className = "now";
      return bar;
    }),
  );
}

function showHome(home) {
  $("name").textContent = home.id;
  $("state").textContent = home.connected ? "connected" : "not connected";
  $("state").className = `badge ${home.connected ? "good" : "bad"}`;
  $("about").textContent =
    `We are ${home.participant.name} (${home.participant.role}), tunnel ${home.participant.tunnel}, through gateway ${home.gateway}. ` +
    `Last contact ${time(home.last_contact) ?? "never"}. Ledger key ${home.key.slice(0, 16)}…`;
  if (home.error) say(home.error, false);
  fill("limits", home.limits ?? [], (body, limit) =>
    row(body, limit.direction, limit.state, watts(limit.watts) ?? "no limit", time(limit.until), watts(limit.failsafe_watts)));
  fill("items", home.items ?? [], showItem);
  fill("commands", home.commands ?? [], showCommand);
  fill("receipts", home.receipts, showReceipt);
  fill("events", home.events, (body, event) =>
    row(body, event.seq, time(event.at), event.kind, short(event.transaction), node("code", brief(event.data).slice(0, 160))));
  showPrices(home.prices ?? []);
  $("audit").href = `${chosen}/audit`;
}

function showNames(told) {
  $("now").textContent = time(told.now);
  const nav = $("homes");
  nav.replaceChildren();
  for (const emt of told.emts) {
    nav.append(node("h2", `${emt.key}${emt.silent ? " (silent)" : ""}`));
    for (const home of emt.homes) {
      const path = `emt/${encodeURIComponent(emt.key)}/${encodeURIComponent(home.id)}`;
      const button = node("button", `${home.connected ? "●" : "○"} ${home.id}`);
      if (path === chosen) button.setAttribute("aria-current", "true");
      button.onclick = () => { chosen = path; say(""); look(); };
      nav.append(button);
      chosen ??= path;
    }
  }
  const add = node("button", "+ admit a home");
  add.onclick = () => { chosen = ""; look(); };
  nav.append(add);
}

async function showGateway() {
  const lab = await ask("lab");
  const choice = document.querySelector("#admit select[name=emt]");
  if (!choice.options.length) for (const emt of lab.emts) choice.append(node("option", emt.key));
  const list = $("gateway");
  list.replaceChildren();
  const lines = [["Gateway", lab.gateway_id], ["HAN address", lab.host], ["Port for SOCKS", lab.socks_port], ["Port for SNI", lab.sni_port],
    ["HAN certificate, SHA-256", lab.fingerprint], ...lab.emts.map((emt) => [`EMT ${emt.key}`, `${emt.name}, port ${emt.port}`])];
  for (const [name, value] of lines) {
    const place = node("dd");
    place.append(node("code", value));
    list.append(node("dt", name), place);
  }
}

async function look() {
  try {
    const told = await ask("emt");
    showNames(told);
    $("home").hidden = !chosen;
    $("empty").hidden = Boolean(chosen);
    if (chosen) showHome(await ask(chosen));
    else await showGateway();
  } catch (error) {
    say(error.message, false);
  }
}

$("limit").onsubmit = (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  call("/limits", { direction: form.get("direction"), kind: form.get("kind"), watts: form.get("watts"), duration_s: Number(form.get("minutes")) * 60 });
};
$("dim").onclick = () => {
  $("limit").elements.watts.value = 4200;
  $("limit").requestSubmit();
};
$("release").onclick = () => call("/limits/release", { direction: $("limit").elements.direction.value });
$("schedule").onsubmit = (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const start = new Date(form.get("from")).getTime();
  const quarter = 15 * 60_000;
  const slots = Array.from({ length: Number(form.get("count")) }, (_, place) => ({
    from: new Date(start + place * quarter).toISOString(),
    until: new Date(start + (place + 1) * quarter).toISOString(),
    watts: form.get("watts"),
  }));
  const { direction, kind } = $("limit").elements;
  call("/schedules", { direction: direction.value, kind: kind.value, slots }, "PUT");
};
$("prices").onsubmit = (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const hour = 3_600_000;
  const first = Math.floor(Date.now() / hour) * hour;
  const cheap = Number(form.get("cheap"));
  const slots = Array.from({ length: 24 }, (_, place) => {
    const start = new Date(first + place * hour);
    const far = (start.getHours() - cheap + 24) % 24;
    const price = far < Number(form.get("hours")) ? 0.18 : 0.28 + 0.06 * Math.abs(Math.sin((start.getHours() * Math.PI) / 12));
    return { from: start.toISOString(), until: new Date(start.getTime() + hour).toISOString(), price: price.toFixed(4) };
  });
  call("/prices", { unit: "EUR/kWh", slots }, "PUT");
};
$("admit").onsubmit = async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    await send("lab/profiles", { cls: form.get("cls"), emt: form.get("emt"), scenario: form.get("scenario") });
    event.target.reset();
    chosen = null;
  } catch (error) {
    alert(error.message);
  }
};
$("verify").onclick = async () => {
  try {
    const report = await ask(`${chosen}/verify`);
    $("verdict").textContent = report.good
      ? `✔ nothing was changed: ${report.rows} rows, ${report.receipts} receipts, ${report.heads} signed heads`
      : `✘ ${report.problems.join("; ")}`;
    $("verdict").className = report.good ? "good" : "bad";
  } catch (error) {
    $("verdict").textContent = error.message;
    $("verdict").className = "bad";
  }
};

const start = new Date(Math.ceil(Date.now() / 900_000) * 900_000);
$("schedule").elements.from.value = new Date(start - start.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
look();
setInterval(look, 2500);
