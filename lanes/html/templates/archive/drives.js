"use strict";
// The list of drives: fifty at a time, found and ordered here, for a page of ten thousand would not open on a telephone.
(() => {
  const [ID, NAME, FOLDER, FILES, START, SECONDS, METRES, SEEN, COUNT, DEPARTURES, STRIP, OVERLAY] = Array(12).keys();
  const EACH = 50;
  const find = (id) => document.getElementById(id);
  const list = find("list");
  if (!list) return;
  const rows = JSON.parse(find("data").textContent);
  const collator = new Intl.Collator(undefined, { numeric: true });
  const none = -Infinity;
  const orders = {
    start: (a, b) => (b[START] ?? none) - (a[START] ?? none) || collator.compare(a[NAME], b[NAME]),
    departures: (a, b) => b[COUNT] - a[COUNT] || (b[START] ?? none) - (a[START] ?? none),
    seen: (a, b) => a[SEEN] - b[SEEN] || b[SECONDS] - a[SECONDS],
    length: (a, b) => b[SECONDS] - a[SECONDS],
    name: (a, b) => collator.compare(a[FOLDER], b[FOLDER]) || collator.compare(a[NAME], b[NAME]),
  };
  let shown = rows, page = 0, chosen = "";

  // Names come from files, which may be called anything: they get into the page as text, never as markup.
  function element(kind, facts = {}, ...children) {
    const made = Object.assign(document.createElement(kind), facts);
    made.append(...children);
    return made;
  }

  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const long = (seconds) => (seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${two((seconds / 60) % 60)}` : Math.floor(seconds / 60)) + `:${two(seconds % 60)}`;
  const when = (seconds) => (seconds === null ? "" : new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " "));
  const way = (metres) => (metres < 1000 ? `${metres} m` : `${(metres / 1000).toFixed(1)} km`);

  function departures(row) {
    const folder = `drives/${row[ID]}/`;
    const made = row[DEPARTURES].map(([time, side, duration, kept, number]) => {
      const file = `departure-${String(number).padStart(3, "0")}`;
      const facts = { className: side, title: `to the ${side === "l" ? "left" : "right"}, ${duration} s` };
      const text = long(time);
      if (kept & 2) return element("a", { ...facts, href: `${folder}${file}.mp4` }, text);
      if (kept & 1) return element("a", { ...facts, href: `${folder}${file}.jpg` }, text);
      return element("span", facts, text);
    });
    const more = row[COUNT] - made.length;
    return element("p", { className: "departures" }, ...made, ...(more > 0 ? [`and ${more} more`] : []));
  }

  function card(row) {
    const facts = [when(row[START]), long(row[SECONDS])];
    if (row[METRES] !== null) facts.push(way(row[METRES]));
    facts.push(`lane seen ${row[SEEN]} %`, `${row[COUNT]} departure${row[COUNT] === 1 ? "" : "s"}`);
    const head = element("h3", {}, element("bdi", {}, row[NAME]));
    if (row[FILES] > 1) head.append(element("small", {}, ` and ${row[FILES] - 1} more`));
    if (row[FOLDER]) head.append(element("small", {}, " ", element("bdi", {}, row[FOLDER])));
    const made = element("article", { id: `drive-${row[ID]}`, className: row[ID] === chosen ? "drive chosen" : "drive" }, head);
    made.append(element("p", { className: "dim" }, facts.filter(Boolean).join(" \u00b7 ")));
    const strip = element("div", { className: "strip" });
    if (row[STRIP]) strip.append(element("img", { loading: "lazy", alt: "frames of the drive", src: `drives/${row[ID]}/strip.jpg` }));
    made.append(strip);
    const links = departures(row);
    if (row[OVERLAY]) links.append(element("a", { href: `drives/${row[ID]}/overlay.mp4` }, "\u25b6 whole drive"));
    if (links.childNodes.length) made.append(links);
    return made;
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(shown.length / EACH));
    page = Math.min(Math.max(page, 0), pages - 1);
    list.replaceChildren(...shown.slice(page * EACH, (page + 1) * EACH).map(card));
    find("count").textContent = shown.length === rows.length ? `${rows.length}` : `${shown.length} of ${rows.length}`;
    find("page").textContent = `${page + 1} of ${pages}`;
    find("back").disabled = page === 0;
    find("next").disabled = page === pages - 1;
  }

  function choose() {
    const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (row) => {
      const text = `${row[NAME]} ${row[FOLDER]} ${when(row[START])} ${row[ID]}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    shown = (words.length ? rows.filter(matches) : rows.slice()).sort(orders[find("order").value]);
    page = 0;
    draw();
  }

  // A link to a drive, from the map or a picture: the page of the list that it is on.
  function go() {
    const id = location.hash.startsWith("#drive-") ? location.hash.slice(7) : "";
    if (!id) return;
    chosen = id;
    let index = shown.findIndex((row) => row[ID] === id);
    if (index < 0) {
      find("search").value = "";
      choose();
      index = shown.findIndex((row) => row[ID] === id);
    }
    if (index < 0) return;
    page = Math.floor(index / EACH);
    draw();
    find(`drive-${id}`).scrollIntoView({ block: "center" });
  }

  function turn(by) {
    page += by;
    draw();
    find("drives").scrollIntoView();
  }

  find("search").addEventListener("input", choose);
  find("order").addEventListener("change", choose);
  find("back").addEventListener("click", () => turn(-1));
  find("next").addEventListener("click", () => turn(1));
  addEventListener("hashchange", go);
  choose();
  go();
})();

// Maps: a click on a track goes to its drive; nearer and further by buttons, and moved by hand when nearer.
for (const map of document.querySelectorAll(".map")) {
  const svg = map.querySelector("svg"), under = map.querySelector(".under"), label = under.firstChild;
  const whole = svg.getAttribute("viewBox").split(" ").map(Number), metres = label.textContent;
  let view = whole.slice(), held = null, moved = false;

  function show() {
    view[0] = Math.min(Math.max(view[0], 0), whole[2] - view[2]);
    view[1] = Math.min(Math.max(view[1], 0), whole[3] - view[3]);
    svg.setAttribute("viewBox", view.map((value) => value.toFixed(3)).join(" "));
    const factor = whole[2] / view[2];
    map.classList.toggle("zoomed", factor > 1.01);
    const [, number, unit] = metres.match(/^([\d.,]+) (k?m)$/) || [null, "", ""];
    const length = (Number(number.replace(/,/g, "")) * (unit === "km" ? 1000 : 1)) / factor;
    label.textContent = factor < 1.01 ? metres : length >= 1000 ? `${(length / 1000).toFixed(1)} km` : `${length.toFixed(length < 10 ? 1 : 0)} m`;
  }

  for (const button of map.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      const size = Math.min(whole[2], Math.max(whole[2] / 200, view[2] * Number(button.dataset.zoom))), ratio = size / view[2];
      view = [view[0] + (view[2] * (1 - ratio)) / 2, view[1] + (view[3] * (1 - ratio)) / 2, size, view[3] * ratio];
      show();
    });
  }
  svg.addEventListener("pointerdown", (event) => { held = view[2] < whole[2] ? [event.clientX, event.clientY, view[0], view[1]] : null; moved = false; });
  svg.addEventListener("pointermove", (event) => {
    if (!held) return;
    const scale = view[2] / svg.clientWidth, across = event.clientX - held[0], down = event.clientY - held[1];
    moved = moved || Math.hypot(across, down) > 4;
    view[0] = held[2] - across * scale;
    view[1] = held[3] - down * scale;
    show();
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(end, () => { held = null; });
  svg.addEventListener("click", (event) => {
    const drive = event.target.dataset && event.target.dataset.drive;
    if (drive && !moved) location.hash = `#drive-${drive}`;
  });
}
