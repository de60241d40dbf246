// One allocation in the list.
import { element } from "./element.js";
import { bitsInWords, bytesInWords, durationInWords, transportInWords } from "./words.js";

const columns = ["User", "Client", "Relayed address", "Client sent", "Client received", "Since", "Actions"];

// A Row stays the same element while its figures change: the focus and what somebody
// has marked stay where they are.
export class Row {
	#cells = columns.map((name) => element("td", { role: "cell", "data-name": name }));
	#last; // the allocation as it was before, and when (ms)
	#at;

	// An action is called with the allocation: show or end.
	constructor(allocation, actions) {
		this.allocation = allocation;
		const whose = `${allocation.subject || "no user"} at ${allocation.client}`;
		const button = (name, action, kind) => {
			const b = element("button", { type: "button", class: kind, "aria-label": `${name}: ${whose}` }, name);
			b.addEventListener("click", () => action(this.allocation));
			return b;
		};
		this.#cells.at(-1).append(button("Details", actions.show, "quiet small"), " ", button("End", actions.end, "danger small"));
		this.element = element("tr", { role: "row", "data-id": allocation.id }, ...this.#cells);
	}

	// show puts in what the list says. Now is the relay's time in ms, of the answer.
	show(allocation, now) {
		const seconds = (now - this.#at) / 1000;
		const moved = (way) => element("div", {}, bytesInWords(allocation[way].bytes),
			this.#last && seconds > 0 ? element("div", { class: "rate" }, bitsInWords(Math.max(0, 8 * (allocation[way].bytes - this.#last[way].bytes) / seconds))) : "");
		const [subject, client, relayed, sent, received, since] = this.#cells;
		subject.replaceChildren(element("div", {}, element("strong", {}, allocation.subject || "–"), allocation.class ? element("div", { class: "rate" }, allocation.class) : ""));
		client.replaceChildren(element("div", {}, allocation.client, element("div", { class: "rate" }, transportInWords(allocation.transport))));
		relayed.replaceChildren(element("div", {}, ...allocation.relayed.map((address) => element("div", {}, address))));
		sent.replaceChildren(moved("fromClient"));
		received.replaceChildren(moved("toClient"));
		since.replaceChildren(element("div", {}, durationInWords((now - Date.parse(allocation.created)) / 1000)));
		this.allocation = this.#last = allocation;
		this.#at = now;
	}
}
