// The second step: every address on its own.
import { byID, element, note } from "./element.js";
import { problem } from "./problem.js";
import { probe } from "./probe.js";
import { addressInWords, milliseconds, typeInWords, wayInWords } from "./words.js";

// tryWays probes the servers, all at once, and shows each as it is done.
export async function tryWays(servers, stop) {
	const rows = servers.map((s) => new Row(s));
	byID("ways").replaceChildren(...rows.map((r) => r.element));
	note("ways-result", "busy", `Trying ${count(servers.length)} …`);
	const works = await Promise.all(rows.map((r) => r.run(stop)));
	if (stop.aborted) return;
	const relays = rows.filter((r) => r.relays), good = rows.filter((r, i) => r.relays && works[i]);
	if (rows.length === 0) note("ways-result", "bad", "✗ The service named no address: check listen and api.advertise.");
	else if (works.every(Boolean)) note("ways-result", "good", `✓ ${rows.length === 1 ? "The one address works" : `All ${rows.length} addresses work`}.`);
	else if (good.length > 0) note("ways-result", "good", `✓ ${good.length} of the ${relays.length} that relay ${good.length === 1 ? "works" : "work"}: calls can be made.`);
	else note("ways-result", "bad", "✗ No address that relays works: no call gets through.");
}

const count = (n) => (n === 1 ? "1 address" : `${n} addresses`);

// A Row is one address in the list.
class Row {
	#server;
	#words;
	#verdict = element("p", { class: "verdict" });
	#found = element("ul", { class: "candidates", "aria-label": "Candidates found" });
	#problems = element("div");

	constructor(server) {
		const [url] = server.urls;
		this.#server = server;
		this.#words = wayInWords(url);
		this.element = element("li", { class: "way busy", "data-url": url },
			element("div", { class: "title" }, element("span", {}, this.#words.title), element("span", { class: "url" }, url)),
			element("div", { class: "hint" }, this.#words.use), this.#verdict, this.#found, this.#problems);
		this.#say("busy", "…", "trying");
	}

	get relays() { return this.#words.kind === "relay"; }

	// run probes the address, shows what came of it, and says whether it works.
	async run(stop) {
		const { found, errors, took, works, ended } = await probe(this.#server, this.#words.kind, stop);
		if (stop.aborted) return works;
		if (works) this.#say("good", "✓", this.#success(found, took));
		else this.#say("bad", "✗", ended ? `does not work, after ${milliseconds(took)}` : `no answer within ${milliseconds(took)}`);
		this.#found.replaceChildren(...unique(found).map((c) => element("li", {}, element("b", {}, typeInWords(c.type)), ` ${addressInWords(c.address, c.port)}`)));
		// Where one of the device's networks leads there, that others do not is no failure.
		const told = works ? [] : errors.length > 0 ? errors : [{ code: 701, text: "", count: 1 }];
		this.#problems.replaceChildren(...told.map(problem));
		return works;
	}

	#success(found, took) {
		if (this.relays) return `works, in ${milliseconds(took)}`;
		return found.some((c) => c.type === "srflx") ? `works, in ${milliseconds(took)}`
			: `works, in ${milliseconds(took)}: nothing translates your address on the way`;
	}

	#say(kind, mark, text) {
		this.element.className = `way ${kind}`;
		this.#verdict.replaceChildren(element("span", { class: "mark", "aria-hidden": "true" }, `${mark} `), text);
	}
}

// unique leaves out candidates that differ in nothing shown.
function unique(candidates) {
	const seen = new Map(candidates.map((c) => [`${c.type} ${c.address} ${c.port}`, c]));
	return [...seen.values()];
}
