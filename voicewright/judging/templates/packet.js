"use strict";
// Everything a reader sees is put in as text, never as HTML: the passages come from models and manuscripts.
const packet = JSON.parse(document.getElementById("packet").textContent);
const byId = (id) => document.getElementById(id);
const storageKey = "voicewright " + packet.id;
let ballot = null;
let canSave = true;
let shownSince = 0;
let readMs = 0;

function hex(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, "0")).join("");
}

function shuffled(items) {
  const out = items.slice();
  for (let i = out.length - 1; i > 0; i--) {
    const j = crypto.getRandomValues(new Uint32Array(1))[0] % (i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

// Each reader has an order of pairs and sides of their own; half of the pairs stand the other way round.
function newBallot() {
  const order = shuffled(packet.pairs.map((pair) => pair.id));
  const sides = shuffled(order.map((_, i) => (i % 2 ? "yx" : "xy")));
  return {
    reader: hex(6), order, sides: Object.fromEntries(order.map((id, i) => [id, sides[i]])), votes: [], comments: {}, begun: false,
  };
}

function load() {
  try {
    const saved = JSON.parse(localStorage.getItem(storageKey));
    ballot = saved && saved.order && saved.order.length === packet.pairs.length ? saved : newBallot();
    save();
  } catch {
    ballot = newBallot();
    canSave = false;
  }
}

function save() {
  try {
    localStorage.setItem(storageKey, JSON.stringify(ballot));
  } catch {
    canSave = false;
  }
}

// A checksum against slips of the hand, not against malice: FNV-1a over the lines that matter.
function checksum() {
  const lines = [packet.id, ballot.reader];
  for (const v of ballot.votes) lines.push([v.pair, v.question, v.order, v.vote, v.ms].join("\t"));
  for (const id of Object.keys(ballot.comments).sort()) lines.push(id + "\t" + JSON.stringify(ballot.comments[id]));
  let sum = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(lines.join("\n"))) sum = ((sum ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return sum.toString(16).padStart(16, "0");
}

function exported() {
  return JSON.stringify(
    { ballot: 1, packet: packet.id, reader: ballot.reader, votes: ballot.votes, comments: ballot.comments, sum: checksum() }, null, 1);
}

// Paragraphs at empty lines, *emphasis* and _emphasis_ in italics; all else as it stands.
function setText(place, text) {
  place.replaceChildren();
  for (const block of text.split(/\n\s*\n/)) {
    const paragraph = document.createElement("p");
    for (const piece of block.split(/(\*[^*\n]+\*|\b_[^_\n]+_\b)/)) {
      const emphasis = /^([*_])([^]+)\1$/.exec(piece);
      if (emphasis) {
        const em = document.createElement("em");
        em.textContent = emphasis[2];
        paragraph.append(em);
      } else if (piece) {
        paragraph.append(piece.replace(/\n/g, " "));
      }
    }
    place.append(paragraph);
  }
}

function show(name) {
  for (const id of ["start", "reading", "done"]) byId(id).hidden = id !== name;
  byId("head").hidden = name !== "reading";
}

function current() {
  const n = ballot.votes.length;
  const questions = packet.questions.length;
  const id = ballot.order[Math.floor(n / questions)];
  return { pair: packet.pairs.find((p) => p.id === id), question: packet.questions[n % questions], n };
}

function render(focus) {
  const total = packet.pairs.length * packet.questions.length;
  if (ballot.votes.length === total) return finish(focus);
  const { pair, question, n } = current();
  const number = Math.floor(n / packet.questions.length) + 1;
  const order = ballot.sides[pair.id];
  show("reading");
  byId("where").textContent = `Pair ${number} of ${packet.pairs.length}, question ${(n % packet.questions.length) + 1} of ${packet.questions.length}`;
  byId("bar").max = total;
  byId("bar").value = n;
  setText(byId("text-x"), pair[order[0]]);
  setText(byId("text-y"), pair[order[1]]);
  byId("author").hidden = question.name !== "voice";
  byId("passages").replaceChildren();
  for (const reference of pair.references) {
    const box = document.createElement("div");
    box.className = "text";
    setText(box, reference);
    byId("passages").append(box);
  }
  byId("given").hidden = !pair.prompt;
  setText(byId("opening"), pair.prompt);
  byId("question").textContent = question.text;
  byId("comment").value = ballot.comments[pair.id] || "";
  byId("undo").disabled = n === 0;
  byId("live").textContent = `${byId("where").textContent}. ${question.text}`;
  readMs = 0;
  shownSince = performance.now();
  if (n % packet.questions.length === 0) scrollTo(0, 0);
  if (focus) byId("question").focus({ preventScroll: true });
}

function vote(choice) {
  const { pair, question } = current();
  const order = ballot.sides[pair.id];
  const side = choice === "tie" ? "tie" : order[choice === "x" ? 0 : 1];
  ballot.votes.push({ pair: pair.id, question: question.name, order, vote: side, ms: spent() });
  save();
  render(true);
}

function spent() {
  return Math.round(readMs + (document.hidden ? 0 : performance.now() - shownSince));
}

function undo() {
  if (!ballot.votes.length) return;
  ballot.votes.pop();
  save();
  render(true);
}

function finish(focus) {
  show("done");
  byId("file").href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  byId("file").download = `ballot-${ballot.reader}.json`;
  byId("paste").value = exported();
  if (focus) byId("thanks").focus();
}

async function send() {
  try {
    const answer = await fetch("ballot", { method: "POST", headers: { "Content-Type": "application/json" }, body: exported() });
    byId("sent").textContent = await answer.text();
  } catch {
    byId("sent").textContent = "The server does not answer. Save the file instead.";
  }
}

addEventListener("keydown", (event) => {
  if (byId("reading").hidden || !byId("keys").checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("textarea, input")) return;
  const act = { x: () => vote("x"), y: () => vote("y"), t: () => vote("tie"), u: undo }[event.key.toLowerCase()];
  if (act) {
    event.preventDefault();
    act();
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) readMs += performance.now() - shownSince;
  else shownSince = performance.now();
});
byId("choose-x").onclick = () => vote("x");
byId("choose-y").onclick = () => vote("y");
byId("choose-tie").onclick = () => vote("tie");
byId("undo").onclick = undo;
byId("back").onclick = undo;
byId("comment").oninput = () => {
  const id = current().pair.id;
  if (byId("comment").value) ballot.comments[id] = byId("comment").value;
  else delete ballot.comments[id];
  save();
};
byId("keys").onchange = () => {
  ballot.keys = byId("keys").checked;
  save();
};
byId("begin").onclick = () => {
  ballot.begun = true;
  save();
  render(true);
};
byId("copy").onclick = async () => {
  byId("paste").select();
  try {
    await navigator.clipboard.writeText(exported());
  } catch {
    document.execCommand("copy");
  }
  byId("sent").textContent = "Copied. Paste it into a mail.";
};
byId("send").onclick = send;
load();
byId("keys").checked = ballot.keys !== false;
byId("send").hidden = location.protocol === "file:";
byId("unsaved").hidden = canSave;
if (ballot.begun) render(false);
else show("start");
