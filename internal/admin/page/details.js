// All that is known about one allocation.
import { ask, Refusal } from "./ask.js";
import { now } from "./clock.js";
import { byID, element, note } from "./element.js";
import { endAllOf, endOne } from "./end.js";
import { bitsInWords, bytesInWords, countInWords, durationInWords, transportInWords } from "./words.js";

const again = 2000; // ms between two looks

// Details is the dialogue. Ended is called with a sentence when something was ended.
export class Details {
	#allocation;
	#timer;
	#ended;

	constructor(ended) {
		this.#ended = ended;
		const dialog = byID("details");
		byID("details-close").addEventListener("click", () => dialog.close());
		byID("details-end").addEventListener("click", () => this.#end(() => endOne(this.#allocation)));
		byID("details-end-user").addEventListener("click", () => this.#end(() => endAllOf(this.#allocation.subject)));
		dialog.addEventListener("close", () => clearInterval(this.#timer));
	}

	// open shows an allocation of the list.
	open(allocation) {
		this.#allocation = allocation;
		note("details-result", "", "");
		byID("details-end-user").hidden = !allocation.subject;
		this.#show({ ...allocation, peers: [] });
		byID("details").showModal();
		byID("details-title").focus(); // on a phone, the first of several screens
		clearInterval(this.#timer);
		this.#timer = setInterval(() => this.#look(), again);
		this.#look();
	}

	async #look() {
		const { id } = this.#allocation;
		try {
			const answer = await ask("GET", `v1/allocations/${encodeURIComponent(id)}`);
			if (this.#allocation.id === id) this.#show(answer);
		} catch (e) {
			if (!(e instanceof Refusal)) throw e;
			clearInterval(this.#timer);
			note("details-result", "bad", e.status === 404 ? "This allocation has ended, or its client has moved to another address." : `✗ ${e.message}`);
		}
	}

	#show(a) {
		const left = (time) => durationInWords((Date.parse(time) - now()) / 1000);
		const moved = ({ packets, bytes }) => `${bytesInWords(bytes)} in ${countInWords(packets)} packets`;
		const facts = [
			["User", a.subject || "–"], ...(a.class ? [["Class", a.class]] : []), ...(a.bandwidth ? [["Bandwidth", `${bitsInWords(a.bandwidth)}, of the credential`]] : []),
			["Client", `${a.client} by ${transportInWords(a.transport)}`], ["Relay", a.server],
			["Relayed address", a.relayed.join(", ")], ["Lent for", `${durationInWords((now() - Date.parse(a.created)) / 1000)} now`],
			["Runs out in", `${left(a.expires)}, unless the client asks again`],
			["Client sent", moved(a.fromClient)], ["Client received", moved(a.toClient)],
		];
		byID("details-facts").replaceChildren(...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
		const peers = a.peers ?? [];
		byID("peers-none").hidden = peers.length > 0;
		byID("peers").hidden = peers.length === 0;
		const cell = (name, text) => element("td", { role: "cell", "data-name": name }, text);
		byID("peers").tBodies[0].replaceChildren(...peers.map((p) => element("tr", { role: "row" }, cell("Peer", p.address),
			cell("May send for", p.permissionExpires ? left(p.permissionExpires) : "–"),
			cell("Channel", p.channel ? `0x${p.channel.toString(16)}, for ${left(p.channelExpires)}` : "–"))));
	}

	async #end(action) {
		try {
			const sentence = await action();
			if (!sentence) return;
			byID("details").close();
			this.#ended(sentence);
		} catch (e) {
			if (!(e instanceof Refusal)) throw e;
			note("details-result", "bad", `✗ ${e.message}`);
		}
	}
}
