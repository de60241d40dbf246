// How the relay stands, at the top of the page.
import { byID, element } from "./element.js";
import { clock, countInWords, durationInWords } from "./words.js";

// standing puts the state into a word and a colour.
function standing({ state, reasons, drain }) {
	switch (state) {
		case "draining":
			return { kind: "busy", text: drain?.deadline ? `Draining, until ${clock(drain.deadline)} at the latest` : "Draining" };
		case "starting":
			return { kind: "busy", text: "Starting" };
		case "ok":
			return reasons?.length ? { kind: "bad", text: "Degraded" } : { kind: "good", text: "Ready" };
	}
	return { kind: "bad", text: state };
}

// showStatus shows what GET /v1/status answers.
export function showStatus(status) {
	const { kind, text } = standing(status);
	say(kind, text);
	const reasons = status.reasons ?? [];
	replace(byID("reasons"), reasons.map((reason) => element("li", {}, reason)));
	byID("reasons").hidden = reasons.length === 0;
	const seconds = (Date.parse(status.now) - Date.parse(status.started)) / 1000;
	byID("version").textContent = `${status.version} on ${location.hostname}, for ${durationInWords(seconds)}`;
	const facts = [
		["Live allocations", countInWords(status.allocations)],
		["Allocations since the start", countInWords(status.allocationsTotal)],
		["Relayed ports", `${countInWords(status.ports.used)} of ${countInWords(status.ports.all)}`],
		["Stream clients", countInWords(status.connections)],
		["Workers", countInWords(status.workers)],
		["Configuration", status.config?.hash ? `${status.config.hash.slice(0, 12)} of ${new Date(status.config.loaded).toLocaleString()}` : "–"],
	];
	replace(byID("facts"), facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

// showSilence says since when (ms) there was no answer.
export function showSilence(since) { say("bad", `No answer since ${clock(since)}`); }

// say changes the text only where it differs: a screen reader reads every change.
function say(kind, text) {
	const e = byID("state");
	e.className = `state ${kind}`;
	if (e.textContent !== text) e.textContent = text;
}

// replace leaves alone what is the same, so that text that somebody has marked stays marked.
function replace(parent, children) {
	const text = (nodes) => [...nodes].map((n) => n.textContent).join("\n");
	if (text(parent.children) !== text(children)) parent.replaceChildren(...children);
}
