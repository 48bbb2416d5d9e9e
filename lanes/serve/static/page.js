// The page's side of the connection: one picture in flight, acknowledged when it is on the screen.
import { Birdseye, Plot, show, showAge, showFrame, showMessage, showPhase } from "./view.js";

const $ = (id) => document.getElementById(id);
const canvas = $("picture"), pen = canvas.getContext("2d", { alpha: false, desynchronized: true });
const plot = new Plot($("plot"), $("stages")), above = new Birdseye($("above"));

const CLOCK_SAMPLES = 30, AGES = 2000, LEAST_STALE_MS = 1000, INTERVALS_STALE = 3;

// For whoever measures the page: how old each picture was when it was painted, milliseconds.
const seen = (window.lanestream = { ages: [], painted: 0, frame: null, status: null });

let socket = null, retry_ms = 500, announced = null, status = null, taken = null, ended = "";
let interval_ms = 0, painted_at = 0;

// The server's clock, by the exchange that took the least time of the last ones: what is sent back to us has both our times in it.
const clock = {
  samples: [],
  offset: 0,
  add(echo, now) {
    const taken_ms = echo.at === undefined ? Infinity : now - echo.at - (echo.sent - echo.received);
    const late = taken_ms === Infinity ? 0 : Math.max(0, taken_ms) / 2;
    this.samples.push({ taken_ms, offset: echo.sent + late - now });
    if (this.samples.length > CLOCK_SAMPLES) this.samples.shift();
    this.offset = this.samples.reduce((best, each) => (each.taken_ms <= best.taken_ms ? each : best)).offset;
  },
  now: () => performance.now() + clock.offset,
};

function connect() {
  if (document.hidden || socket) return;
  const opened = (socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`));
  socket.binaryType = "blob";
  clock.samples = [];
  announced = null;
  plot.clear();
  socket.onmessage = ({ data }) => (typeof data === "string" ? hear(JSON.parse(data), opened) : paint(data, announced, opened));
  socket.onclose = ({ code, reason }) => {
    if (socket === opened) socket = null;
    ended = code === 1001 ? reason || "the run has ended" : "";
    if (document.hidden || socket) return;
    setTimeout(connect, retry_ms);
    if (code !== 1001) askForToken();
    retry_ms = Math.min(2 * retry_ms, 4000);
  };
}

// A cookie that is not good any more: the login page is where everything else leads to.
async function askForToken() {
  try {
    const answer = await fetch("/", { redirect: "manual" });
    if (answer.type === "opaqueredirect") location.reload();
  } catch { /* nobody there */ }
}

function hear(message, from) {
  clock.add(message.clock, performance.now());
  retry_ms = 500;
  if (message.status) {
    status = seen.status = message.status;
    plot.add(message.history, status.bin_ms, status.bins);
    show(status);
    plot.table(status.figures, status.source.live);
  }
  announced = message.frame ?? null;
  if (!announced) acknowledge(from);
}

async function paint(jpeg, frame, from) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(jpeg);
  } catch {
    acknowledge(from);
    return;
  }
  requestAnimationFrame(() => {
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
    }
    pen.drawImage(bitmap, 0, 0);
    bitmap.close();
    afterPainting(() => {
      const now = performance.now();
      acknowledge(from);
      if (painted_at) interval_ms = interval_ms ? 0.9 * interval_ms + 0.1 * (now - painted_at) : now - painted_at;
      painted_at = now;
      taken = frame.taken;
      seen.painted += 1;
      seen.frame = frame;
      seen.ages.push(clock.now() - taken);
      if (seen.ages.length > AGES) seen.ages.splice(0, AGES / 2);
      $("pulse").style.transform = `rotate(${(seen.painted % 24) * 15}deg)`;
      showFrame(frame);
      above.draw(frame);
    });
  });
}

// A message to oneself comes after the frame that is being rendered has gone to the screen.
const channel = new MessageChannel();
let after = null;
channel.port1.onmessage = () => after?.();
function afterPainting(work) {
  after = work;
  channel.port2.postMessage(0);
}

function acknowledge(to) {
  if (to.readyState === WebSocket.OPEN) to.send(JSON.stringify({ painted: performance.now() }));
}

let shown_at = 0, drawn_at = 0;
function turn(now) {
  requestAnimationFrame(turn);
  if (now - drawn_at >= 45) {
    drawn_at = now;
    plot.draw(clock.now());
  }
  if (now - shown_at < 200) return;
  shown_at = now;
  const recent = seen.ages.slice(-15).sort((a, b) => a - b);
  const age = taken === null ? null : clock.now() - taken;
  const steady = recent.length ? recent[recent.length >> 1] : null;
  const rate = status?.source.rate;
  const stale = age !== null && age > Math.max(LEAST_STALE_MS, rate ? (INTERVALS_STALE * 1000) / rate : 0);
  showAge(stale || age === null || performance.now() - painted_at > 1000 ? age : steady, stale, interval_ms);
  const open = socket?.readyState === WebSocket.OPEN;
  showPhase(open ? status : null, ended, stale);
  showMessage(open ? status : null, ended, taken !== null);
}
requestAnimationFrame(turn);

const ASK = $("mark-words").textContent;
let answered = 0;
async function mark() {
  const button = $("mark");
  if (button.hidden) return;
  let kept = true, words = "Kept";
  try {
    const answer = await fetch("/mark", { method: "POST" });
    if (answer.status === 429) words = "Kept already, this second";
    else if (!answer.ok) [kept, words] = [false, `Not kept: the run answers ${answer.status}`];
  } catch {
    [kept, words] = [false, "Not kept: the run does not answer"];
  }
  $("mark-words").textContent = words;
  button.classList.toggle("done", kept);
  button.classList.toggle("failed", !kept);
  clearTimeout(answered);
  answered = setTimeout(() => {
    button.classList.remove("done", "failed");
    $("mark-words").textContent = ASK;
  }, kept ? 1200 : 4000);
}
$("mark").addEventListener("click", mark);
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "m" && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) mark();
});

// Nobody looks at a hidden page, so it takes no pictures.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) connect();
  else if (socket) {
    socket.close();
    socket = null;
  }
});
connect();
