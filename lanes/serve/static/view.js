// What the page shows: figures, the plot, the road from above.
const $ = (id) => document.getElementById(id);
const text = (id, value) => { const at = $(id); if (at.textContent !== value) at.textContent = value; };

export const STAGES = {
  preprocess: "#4f83cc", inference: "#28c7b0", postprocess: "#8fd3ff", lanes: "#a78bfa", overlay: "#f2b84b", output: "#e8799f",
};
const BOUNDARIES = ["#28f5b4", "#408cff", "#f2d646", "#de46be", "#deeafa"]; // lanes/draw/theme.py
const WARNING = "#ff4830", MUTED = "#93a4b4", LINE = "#223040";
const REASONS = {
  superseded: "a newer one came first", late: "due before they were decoded", lanes: "finding lanes was busy", overlay: "drawing was busy", output: "output was busy",
  stopped: "the run was stopped",
};
const number = (value, digits = 1) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const ms = (value) => (value === null || value === undefined ? "–" : value < 99.95 ? value.toFixed(1) : value.toFixed(0));
const whole = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");

// Fits a canvas to its place on the screen; gives its pen in CSS pixels.
function fitted(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, scale = Math.min(devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  return [pen, width, height];
}

function rows(id, entries) {
  $(id).replaceChildren(...entries.map(([name, value, note, kind]) => {
    const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value;
    if (note) {
      const small = document.createElement("small");
      small.textContent = ` ${note}`;
      dd.append(small);
    }
    row.className = kind ?? "";
    row.append(dt, dd);
    return row;
  }));
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

// Source, engine and counts: what changes a few times a second.
export function show(status) {
  const { source, engine, frames, figures } = status;
  text("source", source.name || "Lanestream");
  document.title = source.name ? `${source.name} – Lanestream` : "Lanestream";
  text("source-facts", [source.size && `${source.size[0]}×${source.size[1]}`, source.rate && `${+source.rate.toFixed(2)} a second`,
    engine && `${engine.model} on ${engine.name} ${engine.precision}`].filter(Boolean).join("  ·  "));
  text("fps", number(status.fps));
  text("fps-note", source.live && source.rate ? `of ${+source.rate.toFixed(2)} that come` : source.live ? "as they come" : source.kind ? "as fast as it can" : "");
  const total = figures.end_to_end;
  text("latency", ms(total?.p50));
  text("latency-note", total?.n >= 100 ? `p95 ${ms(total.p95)}, p99 ${ms(total.p99)}` : "in memory to drawn");
  const dropped = Object.values(frames.dropped).reduce((sum, each) => sum + each, 0);
  text("dropped", frames.captured ? number((100 * dropped) / frames.captured) : "–");
  text("dropped-note", `${whole(dropped)} of ${whole(frames.captured)} frames`);
  const share = [[frames.processed, "#28c7b0"], [dropped, "#f2b84b"]].map(([count, colour]) => {
    const part = document.createElement("i");
    part.style.flex = String(count);
    part.style.background = colour;
    return part;
  });
  $("share").replaceChildren(...share);
  rows("counts", [
    ["Captured", whole(frames.captured)], ["Processed", whole(frames.processed)], ["Dropped", whole(dropped)],
    ...Object.entries(frames.dropped).map(([reason, count]) => [REASONS[reason] ?? reason, whole(count), "", "part"]),
    ...(frames.corrupt ? [["Corrupt", whole(frames.corrupt)]] : []),
  ]);
  rows("run", [
    ["Source", source.name || "–", source.kind ?? ""],
    ["Connections lost", whole(source.reconnects + (source.phase === "lost" ? 1 : 0))],
    ["Engine", engine ? `${engine.name} ${engine.precision}` : "loading"],
    ["Device", engine?.device ?? "–"], ["Model", engine?.model ?? "–"],
    ["Departures", `${status.departures.left} left, ${status.departures.right} right`], ["Viewers", String(status.viewers)],
  ]);
  showEvents(status);
}

let listed = "";
function showEvents(status) {
  $("mark").hidden = !status.can_mark;
  const key = JSON.stringify([status.happenings, status.clips]);
  if (key === listed) return;
  listed = key;
  $("clips").replaceChildren(...(status.clips ?? []).map((name) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `/clips/${encodeURIComponent(name)}`;
    link.download = name;
    link.textContent = `↓ ${name}`;
    item.append(link);
    return item;
  }));
  const items = status.happenings.map(({ at, kind, text: words }) => {
    const item = document.createElement("li"), time = document.createElement("time"), span = document.createElement("span");
    item.className = kind;
    time.textContent = new Date(1000 * at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    span.textContent = words;
    item.append(time, span);
    return item;
  });
  if (!items.length) {
    const item = document.createElement("li");
    item.className = "empty";
    item.textContent = "none so far";
    items.push(item);
  }
  $("happenings").replaceChildren(...items);
}

export function showPhase(status, ended, stale) {
  const source = status?.source;
  let word = "no connection", kind = "bad";
  if (ended) [word, kind] = ["ended", ""];
  else if (source?.phase === "starting") [word, kind] = ["starting", "warm"];
  else if (source?.phase === "opening") [word, kind] = ["opening", "warm"];
  else if (source?.phase === "lost") [word, kind] = [`reconnecting, ${duration(source.for_s)}`, "bad"];
  else if (source?.phase === "ended") [word, kind] = ["ended", ""];
  else if (source && source.picture !== "moving") [word, kind] = [source.picture, "warm"];
  else if (source && stale) [word, kind] = ["not live", "bad"];
  else if (source) [word, kind] = [source.live ? "live" : "playing", "good"];
  text("phase", word);
  $("phase").className = `pill ${kind}`;
}

// Over the picture, what is wrong where something is.
export function showMessage(status, ended, painted) {
  const source = status?.source;
  let words = "", note = "";
  if (ended) [words, note] = ["The run has ended", "This page goes on with the next one."];
  else if (!status) [words, note] = ["No connection to the program", "Trying again."];
  else if (source.phase === "lost") [words, note] = ["The source is lost, and waited for", source.cause];
  else if (source.phase === "ended") words = "The source has ended";
  else if (!painted) words = source.phase === "starting" ? "Starting the engine" : source.phase === "opening" ? "Opening the source" : "No picture yet";
  const at = $("message");
  at.hidden = !words;
  const key = words + note;
  if (at.dataset.key === key) return;
  at.dataset.key = key;
  const small = document.createElement("small");
  small.textContent = note;
  at.replaceChildren(words, small);
}

export function showAge(age, stale, interval) {
  $("screen").classList.toggle("stale", stale);
  const words = age === null ? "–" : age < 1000 ? `${age.toFixed(0)} ms` : `${age < 60_000 ? (age / 1000).toFixed(1) + " s" : duration(age / 1000)}`;
  text("age", stale ? `${words} old` : words);
  const seconds = age !== null && age >= 9999.5;
  text("screen-age", age === null ? "–" : seconds ? (age / 1000).toFixed(1) : age.toFixed(0));
  text("screen-unit", seconds ? "s" : "ms");
  text("screen-note", stale ? "not live" : interval ? `${(1000 / interval).toFixed(0)} pictures a second` : "");
  $("screen-age").closest(".tile").classList.toggle("stale", stale);
}

const degrees = (radians) => (180 / Math.PI) * radians;

// What belongs to the picture on the screen.
export function showFrame({ ego, calibration, departure, departure_why: why }) {
  const signed = (value, std, digits, unit, left, right) => value === null || value === undefined ? null
    : [`${Math.abs(value).toFixed(digits)} ${unit} ${value >= 0 ? right : left}`, std ? `± ${std.toFixed(digits)}` : ""];
  const set = (id, found) => {
    const at = $(id), [value, note] = found ?? ["–", ""], key = `${value}|${note}`;
    if (at.dataset.key === key) return;
    at.dataset.key = key;
    const small = document.createElement("small");
    small.textContent = note ? ` ${note}` : "";
    at.replaceChildren(value, small);
  };
  set("offset", signed(ego?.offset_m, ego?.offset_m_std, 2, "m", "left", "right"));
  set("width", ego?.width_m == null ? null : [`${ego.width_m.toFixed(2)} m`, ego.width_m_std ? `± ${ego.width_m_std.toFixed(2)}` : ""]);
  const bend = ego?.curvature_per_m;
  set("bend", bend == null ? null : Math.abs(bend) < 1 / 2000 ? ["straight", ""]
    : [`${(Math.round(0.1 / Math.abs(bend)) * 10).toFixed(0)} m ${bend > 0 ? "left" : "right"}`, ""]);
  set("heading", ego?.heading_rad == null ? null
    : [`${Math.abs(degrees(ego.heading_rad)).toFixed(1)}° ${ego.heading_rad >= 0 ? "left" : "right"}`, ""]);
  set("look-ahead", ego?.look_ahead_m == null ? null : [`${ego.look_ahead_m.toFixed(0)} m`, ""]);
  const leaving = departure === "left" || departure === "right";
  set("departure", leaving ? [`to the ${departure}`, ""] : departure === "inactive" ? ["inactive", why] : ["none", ""]);
  $("departure").classList.toggle("warning", leaving);
  $("departure-edge").className = leaving ? departure : "";
  text("calibration", calibration?.state ?? "not calibrated");
  const angle = (name) => [name[0].toUpperCase() + name.slice(1), calibration?.[`${name}_rad`] == null ? "–" : `${degrees(calibration[`${name}_rad`]).toFixed(2)}°`,
    calibration?.[`${name}_rad_std`] ? `± ${degrees(calibration[`${name}_rad_std`]).toFixed(2)}` : ""];
  const height = calibration?.height_m;
  rows("mount", [angle("pitch"), angle("yaw"), angle("roll"),
    ["Height", height == null ? "–" : `${height.toFixed(2)} m`, calibration?.height_from ? `(${calibration.height_from})` : ""]]);
  text("road-note", calibration?.metric ? "" : "scale assumed; --camera or --height gives metres");
}

const AHEAD = 60, BEHIND = 3, ASIDE = 7, GUTTER = 40;

// The road from above, in the colours of the overlay.
export class Birdseye {
  constructor(canvas) { this.canvas = canvas; }

  draw({ lanes, departure, calibration }) {
    const [pen, width, height] = fitted(this.canvas);
    pen.fillStyle = "#0c131a";
    pen.fillRect(GUTTER, 0, width - GUTTER, height);
    const x = (y) => GUTTER + (width - GUTTER) * (0.5 - y / (2 * ASIDE)), y = (ahead) => (height * (AHEAD - ahead)) / (AHEAD + BEHIND);
    const at = (curve, ahead) => curve[0] + ahead * (curve[1] + ahead * (curve[2] / 2 + (ahead * curve[3]) / 6));
    const known = lanes.filter((lane) => lane.curve);
    const trace = (lane, from, to) => {
      for (let step = 0; step <= 30; step++) {
        const ahead = from + ((to - from) * step) / 30;
        pen.lineTo(x(at(lane.curve, ahead)), y(ahead));
      }
    };
    const [left, right] = [-1, 1].map((position) => known.find((lane) => lane.position === position));
    if (left && right) {
      const far = Math.min(AHEAD, left.far_m, right.far_m), fill = pen.createLinearGradient(0, y(0), 0, y(far));
      fill.addColorStop(0, "#28ced666");
      fill.addColorStop(1, "#28ced600");
      pen.fillStyle = fill;
      pen.beginPath();
      trace(left, -BEHIND, far);
      trace(right, far, -BEHIND);
      pen.fill();
    }
    pen.lineWidth = 1;
    pen.fillStyle = MUTED;
    for (let ahead = 0; ahead < AHEAD; ahead += 10) {
      pen.strokeStyle = ahead % 20 ? "#1a2530" : "#2b3a49";
      pen.beginPath();
      pen.moveTo(GUTTER, Math.round(y(ahead)) + 0.5);
      pen.lineTo(width, Math.round(y(ahead)) + 0.5);
      pen.stroke();
      pen.textAlign = "right";
      if (ahead % 20 === 0) pen.fillText(`${calibration?.metric || !ahead ? "" : "~"}${ahead} m`, GUTTER - 7, y(ahead) + 4);
    }
    pen.beginPath();
    pen.rect(GUTTER, 0, width - GUTTER, height);
    pen.save();
    pen.clip();
    pen.lineCap = "round";
    for (const lane of known) {
      const leaving = (departure === "left" && lane.position === -1) || (departure === "right" && lane.position === 1);
      pen.strokeStyle = leaving ? WARNING : BOUNDARIES[(lane.id - 1) % BOUNDARIES.length];
      pen.globalAlpha = lane.held ? 0.4 : 0.45 + 0.55 * lane.confidence;
      pen.lineWidth = (Math.abs(lane.position) === 1 ? 4 : 2.5) * (leaving ? 1.6 : 1);
      pen.setLineDash(lane.type === "dashed" ? [15, 17] : []);
      pen.beginPath();
      trace(lane, -BEHIND, Math.min(AHEAD, lane.far_m));
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    pen.fillStyle = "#f2f6f9";
    pen.beginPath();
    const [middle, base] = [x(0), y(0) + 2];
    for (const [dx, dy] of [[0, -15], [9, 7], [0, 2], [-9, 7]]) pen.lineTo(middle + dx, base + dy);
    pen.fill();
    pen.restore();
    if (!known.length) {
      pen.fillStyle = MUTED;
      pen.textAlign = "center";
      pen.fillText(lanes.length ? "no curves in metres" : "no lane in sight", (width + GUTTER) / 2, height / 2);
      pen.textAlign = "left";
    }
  }
}

// Stages stacked over the last minute, and the whole way as a line: what is between the two is waiting.
export class Plot {
  constructor(canvas, table) {
    this.canvas = canvas;
    this.body = table.tBodies[0];
    this.clear();
  }

  clear() { this.bins = []; this.bin_ms = 250; this.count = 240; this.top = 20; }

  add(bins, bin_ms, count) {
    [this.bin_ms, this.count] = [bin_ms, count];
    this.bins.push(...bins);
    const last = this.bins.at(-1);
    while (this.bins.length && this.bins[0].number <= last.number - count) this.bins.shift();
  }

  draw(now) {
    const [pen, width, height] = fitted(this.canvas), left = 42, bottom = 20, top = 6;
    const span = this.count * this.bin_ms, right = now - 2 * this.bin_ms;
    const x = (bin) => left + (width - left) * (1 - (right - bin.number * this.bin_ms) / span);
    const most = Math.max(5, ...this.bins.map((bin) => Math.max(bin.total, bin.age ?? 0)));
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 60000].find((each) => most / each <= 4) ?? 60000;
    const wanted = Math.ceil(most / step) * step;
    this.top += 0.2 * (wanted - this.top);
    const y = (value) => top + (height - bottom - top) * (1 - value / this.top);
    pen.lineWidth = 1;
    pen.strokeStyle = LINE;
    pen.fillStyle = MUTED;
    pen.textAlign = "right";
    for (let value = 0; value <= this.top * 1.01; value += step) {
      const row = Math.round(y(value)) + 0.5;
      pen.beginPath();
      pen.moveTo(left, row);
      pen.lineTo(width, row);
      pen.stroke();
      pen.fillText(String(value), left - 7, row + 4);
    }
    pen.textAlign = "center";
    for (let seconds = 10; seconds < span / 1000; seconds += 10) {
      pen.fillText(`−${seconds} s`, left + (width - left) * (1 - (1000 * seconds) / span), height - 4);
    }
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, width - left, height - bottom + 1);
    pen.clip();
    for (const run of this.runs()) this.stack(pen, run, x, y);
    pen.restore();
  }

  // Stretches without a gap, the last bin of each twice, so that it has a width.
  *runs() {
    let run = [];
    for (const bin of this.bins) {
      if (run.length && bin.number - run.at(-1).number > 8) {
        yield run;
        run = [];
      }
      run.push(bin);
    }
    if (run.length) yield run;
  }

  stack(pen, run, x, y) {
    const points = [...run, { ...run.at(-1), number: run.at(-1).number + 1 }], floor = points.map(() => 0);
    for (const [stage, colour] of Object.entries(STAGES)) {
      pen.fillStyle = colour;
      pen.beginPath();
      points.forEach((bin, at) => pen.lineTo(x(bin), y(floor[at])));
      points.forEach((bin, at) => { floor[at] += bin.stages[stage] ?? 0; });
      for (let at = points.length - 1; at >= 0; at--) pen.lineTo(x(points[at]), y(floor[at]));
      pen.fill();
    }
    const line = (name, colour, dash) => {
      pen.strokeStyle = colour;
      pen.lineWidth = 1.6;
      pen.setLineDash(dash);
      pen.beginPath();
      for (const bin of points) if (bin[name] !== null) pen.lineTo(x(bin), y(bin[name]));
      pen.stroke();
      pen.setLineDash([]);
    };
    line("total", "#f2f6f9", []);
    line("age", "#f2d646", [4, 4]);
  }

  table(figures, live) {
    const bin = this.bins.at(-1);
    const kinds = [
      ["capture", live ? "capture (waits)" : "capture", "none"], ...Object.keys(STAGES).map((stage) => [stage, stage, STAGES[stage]]),
      ["total", "in memory to drawn", "#f2f6f9"], ...(figures.frame_age ? [["age", "camera to drawn", "#f2d646"]] : []),
    ];
    const made = kinds.map(([key, name, colour]) => {
      const summary = key === "total" ? figures.end_to_end : key === "age" ? figures.frame_age : figures.stages[key];
      const row = document.createElement("tr"), first = document.createElement("td"), swatch = document.createElement("span");
      swatch.className = key === "total" || key === "age" ? "swatch line" : "swatch";
      if (colour === "none") swatch.style.borderColor = "#4a5b6b";
      else swatch.style.background = colour;
      first.append(swatch, name);
      if (key === "total") row.className = "total";
      const now = bin && (key === "total" || key === "age" ? bin[key] : bin.stages[key]);
      row.append(first, ...[now, summary?.p50, summary?.n >= 20 ? summary.p95 : null, summary?.n >= 100 ? summary.p99 : null].map((value) => {
        const cell = document.createElement("td");
        cell.textContent = ms(value);
        return cell;
      }));
      return row;
    });
    this.body.replaceChildren(...made);
  }
}
