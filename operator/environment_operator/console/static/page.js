// Makes the page livelier. Everything works without it.
"use strict";

const fresh = (html) => new DOMParser().parseFromString(html, "text/html");

// Puts the regions of another state of this page into it, or one of them. Where one is, what has the focus and what is
// open stays; a region with input is left alone.
function swap(html, only) {
  const next = fresh(html), regions = next.querySelectorAll(only ? `#${only}` : "[data-live]");
  for (const region of [...regions].filter((each) => only || !each.parentElement.closest("[data-live]"))) {
    const here = document.getElementById(region.id), active = document.activeElement;
    if (!here || (here.contains(active) && active.matches("input, select, textarea"))) continue;
    const scrolled = here.querySelector(".scroll"), at = scrolled && [scrolled.scrollLeft, scrolled.scrollTop];
    const open = [...here.querySelectorAll("details")].map((each) => each.open);
    const focused = here.contains(active) && active.getAttribute("href");
    here.replaceWith(document.adoptNode(region));
    region.querySelectorAll("details").forEach((each, place) => { each.open = open[place] ?? false; });
    if (at) region.querySelector(".scroll")?.scrollTo(...at);
    if (focused) region.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    dress(region);
  }
  return regions.length > 0;
}

// Times in the reader's zone; buttons that need the script.
function dress(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if ("clock" in time.dataset) time.textContent = moment.toLocaleTimeString();
    time.title = moment.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
  }
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  const label = button.textContent;
  button.textContent = button.dataset.copy || label;
  setTimeout(() => { button.textContent = label; }, 1500);
});

// A form that asks for a view is sent while one types; it may name the only region that it changes.
let asked = 0, waiting;
async function show(address, only) {
  const number = ++asked;
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const html = await answer.text();
  if (number === asked && swap(html, only)) history.replaceState(null, "", address);
}
document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-live-form]");
  if (!form) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const filled = [...new FormData(form)].filter(([, value]) => value);
    const address = `${form.getAttribute("action")}?${new URLSearchParams(filled)}`;
    show(address, form.dataset.liveForm).catch(() => form.submit());
  }, 200);
});

// A page refreshes by itself, unless nobody sees it; when that fails, what is there stays, and it says so.
async function refresh() {
  const live = document.querySelector("[data-refresh]");
  if (live && !document.hidden) {
    const number = asked;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const html = await answer.text();
      if (number === asked && swap(html)) fail("");
      else if (number === asked) fail(fresh(html).querySelector("main")?.innerText ?? answer.statusText);
    } catch (error) {
      fail(String(error.message));
    }
  }
  later();
}
function later() {
  const live = document.querySelector("[data-refresh]");
  if (live) setTimeout(refresh, live.dataset.refresh * 1000);
}
function fail(why) {
  const note = document.getElementById("stale");
  if (!note) return;
  note.hidden = !why;
  note.querySelector("span").textContent = why.trim();
}
later();
dress(document);

// A form and its YAML stay in step while one types; what is wrong is shown at its field.
const draft = document.querySelector("[data-draft]");
let typing, turn = 0;
async function follow(yaml) {
  const number = ++turn, sent = new FormData(draft);
  sent.set("action", yaml ? "from-yaml" : "from-form");
  const answer = await fetch(location.href, { method: "POST", body: new URLSearchParams(sent) });
  const next = fresh(await answer.text());
  if (number !== turn || !next.querySelector("[data-draft]")) return;
  for (const id of ["carried", "steps", "said", "save", ...(yaml ? ["fields"] : [])]) {
    document.getElementById(id).replaceWith(document.adoptNode(next.getElementById(id)));
  }
  if (!yaml) document.getElementById("yaml").value = next.getElementById("yaml").value;
  for (const notes of next.querySelectorAll("[data-notes]")) document.getElementById(notes.id)?.replaceWith(notes);
}
draft?.addEventListener("input", (event) => {
  clearTimeout(typing);
  turn++;
  typing = setTimeout(() => follow(event.target.id === "yaml").catch(() => {}), 300);
});

// A file can be dropped on the page of the importer.
const drop = document.querySelector("[data-drop]");
drop?.addEventListener("dragover", (event) => event.preventDefault());
drop?.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.querySelector("[type=file]").files = event.dataTransfer.files;
});
