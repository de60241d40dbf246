// The third step: the call, what it shows, and the chat.
import { Call } from "./call.js";
import { byID, element, note } from "./element.js";
import { camera, drawn } from "./picture.js";
import { Plot } from "./plot.js";
import { problem } from "./problem.js";
import { addressInWords, milliseconds, typeInWords, wayInWords } from "./words.js";

// A Conversation makes one call at a time with the servers it was offered last.
export class Conversation {
	#servers = [];
	#call; // the one under way
	#turn = 0; // how many began or ended: a camera that is allowed too late starts nothing
	#timer;
	#plots;
	#errors = new Map();

	constructor() {
		byID("call").addEventListener("submit", (e) => { e.preventDefault(); this.#begin(); });
		byID("stop").addEventListener("click", () => this.#end("", "The call is over."));
		byID("say").addEventListener("submit", (e) => { e.preventDefault(); this.#say(byID("text")); });
		addEventListener("pagehide", () => this.#call?.end());
	}

	// offer gives the servers to call by; without any, there is nothing to call by.
	offer(servers) {
		this.#servers = servers;
		this.#end("", ""); // a call by the credentials before these, or one about to begin
		const choices = servers.map(({ urls: [url] }) => element("option", { value: url }, `${wayInWords(url).title} – ${url}`));
		byID("way").replaceChildren(byID("way").options[0], ...choices);
		byID("way").value = "";
		byID("start").disabled = servers.length === 0;
		note("call-result", "", servers.length === 0 ? "Waits for credentials." : "Ready.");
	}

	async #begin() {
		this.#end("", "");
		const turn = this.#turn;
		exchange("start", "stop");
		note("call-result", "busy", "Calling …");
		const { stream, remark } = await picture(byID("call").elements.picture.value);
		if (this.#turn !== turn) return stream.getTracks().forEach((track) => track.stop());
		const way = byID("way").value;
		const call = new Call(stream, {
			onerror: (e) => this.#call === call && this.#failed(e),
			ontext: (text, took) => this.#call === call && this.#heard(text, took),
			onend: (sentence) => this.#call === call && this.#end("bad", `✗ ${sentence}`),
		});
		this.#call = call;
		this.#show(stream);
		try {
			await call.connect(this.#servers.filter((s) => !way || s.urls[0] === way), byID("received"));
		} catch (e) {
			if (this.#call === call) this.#end("bad", `✗ ${e.message}${byID("call-errors").children.length ? " Why:" : " The relay gave no reason: does each address above work?"}`);
			return;
		}
		if (this.#call !== call) return;
		note("call-result", "good", `✓ The call stands: all of it passes through the relay.${remark}`);
		// With the call up, addresses that failed on the way do not matter any more.
		byID("call-errors").replaceChildren();
		this.#timer = setInterval(() => this.#measure(call), 1000);
		this.#measure(call);
	}

	// show puts the call in place of the one before.
	#show(stream) {
		this.#errors.clear();
		this.#plots = {
			roundTrip: new Plot("Round trip", "a message to the other end and back, twice through the relay each way", 5, milliseconds),
			bitrate: new Plot("Bitrate", "picture data received in each second", 100_000, bitrateInWords),
			loss: new Plot("Loss", "share of the picture’s packets that never came", 5, (v) => `${v.toFixed(1)} %`),
		};
		byID("plots").replaceChildren(...Object.values(this.#plots).map((p) => p.element));
		byID("chat").replaceChildren();
		byID("path").replaceChildren();
		byID("received-caption").textContent = "received through the relay";
		byID("live").hidden = false;
		const sent = byID("sent");
		sent.srcObject = stream;
		sent.play().catch(() => {}); // ended before it began
	}

	async #measure(call) {
		const m = await call.measure();
		if (this.#call !== call) return;
		for (const name of ["roundTrip", "bitrate", "loss"]) this.#plots[name].add(m[name]);
		if (m.width) byID("received-caption").textContent = `received through the relay (${m.width} × ${m.height}, ${m.frames} frames)`;
		showPath(m.path);
	}

	#failed({ errorCode, errorText, url }) {
		if (this.#call.open) return; // by another address it works
		// Both ends report, for each address and each of the device's networks: an
		// explanation stands once, with the addresses it is for.
		const { urls = new Set(), count = 0 } = this.#errors.get(errorCode) ?? {};
		this.#errors.set(errorCode, { code: errorCode, text: errorText ?? "", urls: urls.add(url), count: count + 1 });
		byID("call-errors").replaceChildren(...[...this.#errors.values()].map((e) => element("li", {}, problem(e))));
	}

	#say(field) {
		if (!field.value || !this.#call?.open) return;
		this.#call.say(field.value);
		chat("mine", field.value, "you");
		field.value = "";
	}

	#heard(text, took) { chat("theirs", text, `came back in ${milliseconds(took)}`); }

	#end(kind, sentence) {
		this.#turn++;
		clearInterval(this.#timer);
		if (byID("live").contains(document.activeElement)) byID("stop").focus();
		exchange("stop", "start");
		this.#call?.end();
		this.#call = undefined;
		for (const id of ["sent", "received"]) byID(id).srcObject = null;
		byID("live").hidden = true;
		if (sentence) note("call-result", kind, sentence);
		else byID("call-errors").replaceChildren();
	}
}

// picture is what the person chose, or the drawn one with a remark on why.
async function picture(choice) {
	if (choice !== "camera") return { stream: drawn(), remark: "" };
	try {
		return { stream: await camera(), remark: "" };
	} catch (e) {
		return { stream: drawn(), remark: ` ${e.message} The drawn picture is sent in its place.` };
	}
}

// exchange shows one button in place of another. Focus moves along: the keyboard must
// not lose its place.
function exchange(from, to) {
	const had = document.activeElement === byID(from);
	byID(to).hidden = false;
	if (had) byID(to).focus();
	byID(from).hidden = true;
}

const bitrateInWords = (v) => (v < 1e6 ? `${Math.round(v / 1000)} kbit/s` : `${(v / 1e6).toFixed(1)} Mbit/s`);

function chat(whose, text, remark) {
	const log = byID("chat");
	log.append(element("li", { class: whose }, text, " ", element("small", {}, remark)));
	log.scrollTop = log.scrollHeight;
}

// showPath draws the way: this end, its relayed address, the other's, the other end.
function showPath(ends) {
	const places = ends.map((c) => {
		const by = c.relayProtocol ? ` by ${c.relayProtocol.toUpperCase()}` : "";
		return element("li", { class: c.candidateType, "data-type": c.candidateType, "data-protocol": c.relayProtocol ?? "" },
			element("span", {}, `${typeInWords(c.candidateType)} ${addressInWords(c.address ?? c.ip, c.port)}${by}`));
	});
	const end = (name) => element("li", {}, element("span", {}, name));
	byID("path").replaceChildren(end("this end"), ...places, end("other end"));
}
