"use strict";
// Everything a reader sees is put in as text, never as HTML: the passages come from models and manuscripts.
const packet = JSON.parse(document.getElementById("packet").textContent);
const at = (id) => document.getElementById(id);
const store = "voicewright " + packet.id;
let ballot = null;
let kept = true;
let shownAt = 0;
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
function fresh() {
  const order = shuffled(packet.pairs.map((pair) => pair.id));
  const sides = shuffled(order.map((_, i) => (i % 2 ? "yx" : "xy")));
  return {
    reader: hex(6), order, sides: Object.fromEntries(order.map((id, i) => [id, sides[i]])), votes: [], comments: {}, begun: false,
  };
}

function load() {
  try {
    const found = JSON.parse(localStorage.getItem(store));
    ballot = found && found.order && found.order.length === packet.pairs.length ? found : fresh();
    save();
  } catch {
    ballot = fresh();
    kept = false;
  }
}

function save() {
  try {
    localStorage.setItem(store, JSON.stringify(ballot));
  } catch {
    kept = false;
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
  for (const id of ["start", "reading", "done"]) at(id).hidden = id !== name;
  at("head").hidden = name !== "reading";
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
  at("where").textContent = `Pair ${number} of ${packet.pairs.length}, question ${(n % packet.questions.length) + 1} of ${packet.questions.length}`;
  at("bar").max = total;
  at("bar").value = n;
  setText(at("text-x"), pair[order[0]]);
  setText(at("text-y"), pair[order[1]]);
  at("author").hidden = question.name !== "voice";
  at("passages").replaceChildren();
  for (const reference of pair.references) {
    const box = document.createElement("div");
    box.className = "text";
    setText(box, reference);
    at("passages").append(box);
  }
  at("given").hidden = !pair.prompt;
  setText(at("opening"), pair.prompt);
  at("question").textContent = question.text;
  at("comment").value = ballot.comments[pair.id] || "";
  at("undo").disabled = n === 0;
  at("live").textContent = `${at("where").textContent}. ${question.text}`;
  readMs = 0;
  shownAt = performance.now();
  if (n % packet.questions.length === 0) scrollTo(0, 0);
  if (focus) at("question").focus({ preventScroll: true });
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
  return Math.round(readMs + (document.hidden ? 0 : performance.now() - shownAt));
}

function undo() {
  if (!ballot.votes.length) return;
  ballot.votes.pop();
  save();
  render(true);
}

function finish(focus) {
  show("done");
  at("file").href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  at("file").download = `ballot-${ballot.reader}.json`;
  at("paste").value = exported();
  if (focus) at("thanks").focus();
}

async function send() {
  try {
    const answer = await fetch("ballot", { method: "POST", headers: { "Content-Type": "application/json" }, body: exported() });
    at("sent").textContent = await answer.text();
  } catch {
    at("sent").textContent = "The server does not answer. Save the file instead.";
  }
}

addEventListener("keydown", (event) => {
  if (at("reading").hidden || !at("keys").checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("textarea, input")) return;
  const act = { x: () => vote("x"), y: () => vote("y"), t: () => vote("tie"), u: undo }[event.key.toLowerCase()];
  if (act) {
    event.preventDefault();
    act();
  }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) readMs += performance.now() - shownAt;
  else shownAt = performance.now();
});
at("choose-x").onclick = () => vote("x");
at("choose-y").onclick = () => vote("y");
at("choose-tie").onclick = () => vote("tie");
at("undo").onclick = undo;
at("back").onclick = undo;
at("comment").oninput = () => {
  const id = current().pair.id;
  if (at("comment").value) ballot.comments[id] = at("comment").value;
  else delete ballot.comments[id];
  save();
};
at("keys").onchange = () => {
  ballot.keys = at("keys").checked;
  save();
};
at("begin").onclick = () => {
  ballot.begun = true;
  save();
  render(true);
};
at("copy").onclick = async () => {
  at("paste").select();
  try {
    await navigator.clipboard.writeText(exported());
  } catch {
    document.execCommand("copy");
  }
  at("sent").textContent = "Copied. Paste it into a mail.";
};
at("send").onclick = send;
load();
at("keys").checked = ballot.keys !== false;
at("send").hidden = location.protocol === "file:";
at("forgets").hidden = kept;
if (ballot.begun) render(false);
else show("start");
