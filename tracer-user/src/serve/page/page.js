// Keeps the page up to date, sorts and filters its peers. Everything it shows was escaped by the server.
"use strict";

const live = document.getElementById("live");
const state = document.getElementById("state");
const filter = document.getElementById("filter");
const sorted = { column: -1, descending: true };

function value(row, column) {
  const text = row.cells[column].querySelector("summary")?.textContent ?? row.cells[column].textContent;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function order() {
  const table = document.getElementById("peers");
  if (!table) return;
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    if (column === sorted.column) {
      cell.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
    } else {
      cell.removeAttribute("aria-sort");
    }
  });
  if (sorted.column < 0) return;
  const sign = sorted.descending ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [value(a, sorted.column), value(b, sorted.column)];
    if (typeof x === typeof y) return sign * (x < y ? -1 : x > y ? 1 : 0);
    return typeof x === "number" ? -1 : 1;
  };
  body.append(...[...body.rows].sort(compare));
}

function narrow() {
  const table = document.getElementById("peers");
  if (!table) return;
  const words = filter.value.toLowerCase().split(/\s+/);
  for (const row of table.tBodies[0].rows) {
    const owner = row.cells[0].querySelector(".owner")?.textContent ?? "";
    const text = [value(row, 0), row.cells[1].textContent, owner].join(" ");
    row.hidden = !words.every((word) => text.toLowerCase().includes(word));
  }
}

function equip() {
  const table = document.getElementById("peers");
  for (const cell of table?.tHead.rows[0].cells ?? []) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent;
    button.addEventListener("click", () => {
      const again = sorted.column === cell.cellIndex;
      sorted.descending = again ? !sorted.descending : cell.cellIndex > 1;
      sorted.column = cell.cellIndex;
      order();
    });
    cell.replaceChildren(button);
  }
  for (const button of live.querySelectorAll("button.copy")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.closest("details").querySelector(".quote").textContent);
      button.textContent = "Copied";
    });
  }
  order();
  narrow();
}

// What has the focus, so that the keyboard stays where it was.
function place() {
  const at = document.activeElement;
  if (!live.contains(at)) return null;
  const key = at.closest("details")?.dataset.key;
  if (key !== undefined) return { key, copy: at.matches("button.copy") };
  return at.closest("th") ? { column: at.closest("th").cellIndex } : null;
}

function back(to) {
  if (!to) return;
  if (to.column !== undefined) {
    document.querySelector("#peers thead tr")?.cells[to.column]?.querySelector("button")?.focus();
    return;
  }
  for (const details of live.querySelectorAll("details")) {
    if (details.dataset.key === to.key) details.querySelector(to.copy ? "button.copy" : "summary").focus();
  }
}

function show(html) {
  // Nobody who is reading or marking text is interrupted.
  if (!document.getSelection().isCollapsed) return;
  const open = new Set([...live.querySelectorAll("details[open]")].map((details) => details.dataset.key));
  const at = place();
  live.innerHTML = html;
  for (const details of live.querySelectorAll("details")) {
    details.open = open.has(details.dataset.key);
  }
  equip();
  back(at);
}

document.getElementById("tools").hidden = false;
filter.addEventListener("input", narrow);
equip();
const stream = new EventSource("events");
stream.addEventListener("open", () => { state.textContent = "· live"; });
stream.addEventListener("error", () => { state.textContent = "· not connected, trying again"; });
stream.addEventListener("message", (event) => show(event.data));
