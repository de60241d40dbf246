// The list of allocations: search, pages, and what can be done with each.
import { ask, Refusal } from "./ask.js";
import { now } from "./clock.js";
import { Details } from "./details.js";
import { byID, note } from "./element.js";
import { endOne } from "./end.js";
import { Row } from "./row.js";
import { countInWords } from "./words.js";

const limit = 25; // rows of a page

// A List shows one page, and keeps it up to date.
export class List {
	#rows = new Map(); // by id
	#filter = {};
	#order = ""; // that of the relay
	#cursors = [""]; // of the pages up to this one
	#next = "";
	#turn = 0; // how often was asked: what is late is dropped
	#said; // what became of the last action stands until the next search
	#details = new Details((sentence) => this.#done(sentence));

	constructor() {
		byID("search").addEventListener("submit", (e) => { e.preventDefault(); this.#search(); });
		// The cross in a search field clears it.
		for (const id of ["subject", "client"]) byID(id).addEventListener("search", () => byID(id).value || this.#search());
		for (const id of ["transport", "order"]) byID(id).addEventListener("change", () => this.#search());
		byID("next").addEventListener("click", () => this.#turnTo([...this.#cursors, this.#next]));
		byID("previous").addEventListener("click", () => this.#turnTo(this.#cursors.slice(0, -1)));
	}

	#search() {
		const value = (id) => byID(id).value.trim();
		this.#filter = { search: value("subject"), client: value("client"), transport: value("transport") };
		this.#order = value("order");
		this.#said = undefined;
		this.#turnTo([""]);
	}

	#turnTo(cursors) {
		this.#cursors = cursors;
		this.#look();
	}

	// refresh asks for the page again.
	async refresh() {
		if (this.#order && byID("list").matches(":hover, :focus-within")) return; // rows must not move under a hand
		await this.#look();
	}

	async #look() {
		const turn = ++this.#turn;
		let answer;
		try {
			answer = await ask("GET", "v1/allocations", { ...this.#filter, sort: this.#order, limit, cursor: this.#cursors.at(-1) });
		} catch (e) {
			if (!(e instanceof Refusal)) throw e;
			if (turn === this.#turn && e.status !== 401) note("list-result", "bad", `✗ ${e.message}`);
			return;
		}
		if (turn === this.#turn) this.#show(answer);
	}

	#show({ allocations, next, total }) {
		this.#next = next ?? "";
		const body = byID("list").tBodies[0];
		const shown = new Set(allocations.map(({ id }) => id));
		for (const [id, row] of this.#rows) {
			if (shown.has(id)) continue;
			if (row.element.contains(document.activeElement)) byID("list-title").focus(); // the keyboard must not lose its place
			row.element.remove();
			this.#rows.delete(id);
		}
		allocations.forEach((allocation, i) => {
			const row = this.#row(allocation);
			row.show(allocation, now());
			// What stands right is not moved: moving takes the focus away.
			if (body.rows[i] !== row.element) body.insertBefore(row.element, body.rows[i] ?? null);
		});
		byID("list").hidden = allocations.length === 0;
		this.#sum(allocations.length, total);
	}

	#row(allocation) {
		const known = this.#rows.get(allocation.id);
		if (known) return known;
		const row = new Row(allocation, { show: (a) => this.#details.open(a), end: (a) => this.#end(a) });
		this.#rows.set(allocation.id, row);
		return row;
	}

	#sum(shown, total) {
		const live = total === 0 ? "There are none now." : `${countInWords(total)} live`;
		const found = shown > 0 ? `${countInWords(shown)} ${this.#next || this.#cursors.length > 1 ? "on this page" : "found"}` : "Nothing is found: no live allocation is like that";
		const text = Object.values(this.#filter).some(Boolean) && total > 0 ? `${found}, of ${live}.` : live;
		const { kind, sentence } = this.#said ?? { kind: "", sentence: "" };
		const said = `${sentence}${sentence && " "}${text}`;
		if (byID("list-result").textContent !== said) note("list-result", kind, said);
		const pages = this.#cursors.length > 1 || this.#next !== "";
		byID("page-number").textContent = pages ? `Page ${this.#cursors.length}` : "";
		for (const [id, off] of [["previous", this.#cursors.length === 1], ["next", this.#next === ""]]) {
			const button = byID(id);
			if (off && document.activeElement === button) byID("list-title").focus();
			button.disabled = off;
			button.hidden = !pages;
		}
	}

	async #end(allocation) {
		try {
			this.#done(await endOne(allocation));
		} catch (e) {
			if (!(e instanceof Refusal)) throw e;
			this.#done(`✗ ${e.message}`);
		}
	}

	#done(sentence) {
		if (!sentence) return;
		this.#said = { kind: sentence.startsWith("✗") ? "bad" : "good", sentence };
		note("list-result", this.#said.kind, sentence);
		this.#look();
	}
}
