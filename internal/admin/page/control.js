// What changes the relay itself: drain, reload, and a look at its configuration.
import { ask, Refusal } from "./ask.js";
import { confirmed } from "./confirm.js";
import { byID, element, note } from "./element.js";
import { countInWords } from "./words.js";

// A Control calls changed when the relay is not as it was.
export class Control {
	#changed;

	constructor(changed) {
		this.#changed = changed;
		byID("drain").addEventListener("click", () => attempt("drain", () => this.#drain()));
		byID("reload").addEventListener("click", () => attempt("reload", () => this.#reload()));
		byID("configuration").addEventListener("toggle", (e) => e.target.open && attempt("configuration", showConfiguration));
	}

	// show takes what GET /v1/status answers.
	show({ drain, requests }) {
		const draining = String(Boolean(drain?.draining));
		if (byID("drain").getAttribute("aria-checked") !== draining) note("drain-result", "", ""); // somebody else has switched
		byID("drain").setAttribute("aria-checked", draining);
		const cell = (name, text) => element("td", { role: "cell", "data-name": name }, text);
		byID("requests").querySelector("tbody").replaceChildren(...(requests ?? []).filter(({ count }) => count > 0).map(({ method, code, count }) =>
			element("tr", { role: "row" }, cell("Method", method), cell("Answer", answerInWords(code)), cell("Count", countInWords(count)))));
	}

	async #drain() {
		const draining = byID("drain").getAttribute("aria-checked") === "true";
		if (!draining && !await confirmed("Drain this relay?", "It makes no new allocations until you switch back; what is live goes on. Load balancers and service managers see at once that it takes no more.", "Drain")) return;
		const answer = await ask("POST", draining ? "v1/undrain" : "v1/drain");
		byID("drain").setAttribute("aria-checked", Boolean(answer?.draining));
		note("drain-result", answer?.draining ? "busy" : "good", answer?.draining ? "The relay drains: it makes no new allocations." : "✓ The relay takes new allocations again.");
		this.#changed();
	}

	async #reload() {
		byID("reload-keys").replaceChildren();
		note("reload-result", "busy", "Reading the configuration …");
		const { changed, restart } = await ask("POST", "v1/reload");
		const told = [["Changed", changed ?? []], ["Needs a restart", restart ?? []]].filter(([, keys]) => keys.length > 0);
		note("reload-result", "good", told.length > 0 ? "✓ The configuration is read." : "✓ The configuration is read. Nothing in it has changed.");
		byID("reload-keys").replaceChildren(...told.map(([name, keys]) => element("div", {}, element("dt", {}, name), ...keys.map((key) => element("dd", {}, element("code", {}, key))))));
		this.#changed();
	}
}

async function showConfiguration() {
	const pre = byID("configuration").querySelector("pre");
	note("configuration-result", "", "");
	const text = JSON.stringify(await ask("GET", "v1/config"), null, 2);
	pre.textContent = text;
	pre.hidden = false;
}

// attempt shows what was refused beside what was asked for.
async function attempt(id, action) {
	try {
		await action();
	} catch (e) {
		if (!(e instanceof Refusal)) throw e;
		note(`${id}-result`, "bad", `✗ ${e.message}`);
	}
}

const answerInWords = (code) => (Number(code) ? `error ${code}` : "success");
