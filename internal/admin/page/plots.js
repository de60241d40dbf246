// The plots, which are read together: what is pointed at in one is read in all.
import { byID } from "./element.js";
import { span } from "./history.js";
import { Plot } from "./plot.js";
import { bitsInWords, countInWords, dropInWords, failureInWords, packetsInWords, secondsInWords, transportInWords } from "./words.js";

const most = 5; // curves of one plot, or nobody can tell them apart

// spans are how much time a plot may show, in seconds: the least that holds all there is.
const spans = [60, 120, 300, span];

const same = (text) => text;

// kinds are the plots, in order. Plot describes the fields.
const kinds = [
	{
		id: "bits", title: "Relayed data", hint: "what users send each other, in each second", least: 1000, format: bitsInWords,
		curves: () => ["to peers", "to clients"], words: same, quiet: "",
	},
	{
		id: "packets", title: "Relayed packets", hint: "datagrams and frames, in each second", least: 10, format: packetsInWords,
		curves: () => ["to peers", "to clients"], words: same, quiet: "",
	},
	{
		id: "allocations", title: "Allocations", hint: "live, by how their clients reach the relay", least: 4, whole: true, format: (n) => countInWords(Math.round(n)),
		curves: transports, words: (name) => (name === "all" ? "all" : transportInWords(name)), quiet: "",
	},
	{
		id: "latency", title: "Time in the relay", hint: "from receiving a packet to sending it on, of a sample", least: 1e-4, format: secondsInWords,
		curves: () => ["median", "99 of 100 below"], words: same, quiet: "",
	},
	{
		id: "drops", title: "Drops", hint: "not relayed or answered, by reason, in each second", least: 1, format: packetsInWords,
		curves: (samples) => largest(samples, "drops"), words: dropInWords, absent: 0, quiet: "Nothing was dropped.",
	},
	{
		id: "failures", title: "Refused log-ins", hint: "requests with a wrong name or password, in each second", least: 1, format: packetsInWords,
		curves: (samples) => largest(samples, "failures"), words: failureInWords, absent: 0, quiet: "Nobody was refused.",
	},
];

// transports are "all", and each transport in use where there are several.
function transports(samples) {
	const used = ["udp", "tcp", "tls", "dtls"].filter((name) => samples.some((s) => s.plots.allocations[name] > 0));
	return used.length > 1 ? ["all", ...used] : ["all"];
}

// largest are the names with the most, of those that had any.
function largest(samples, id) {
	const sums = new Map();
	for (const { plots } of samples) {
		for (const [name, value] of Object.entries(plots[id])) sums.set(name, (sums.get(name) ?? 0) + value);
	}
	return [...sums].filter(([, sum]) => sum > 0).sort(([, a], [, b]) => b - a).slice(0, most).map(([name]) => name);
}

// Plots draws a History.
export class Plots {
	#history;
	#at; // ms, the time that somebody points at
	#plots;

	constructor(history) {
		this.#history = history;
		this.#plots = kinds.map((kind) => new Plot(kind, (at) => this.#point(at)));
		byID("plots").replaceChildren(...this.#plots.map((plot) => plot.element));
		this.show();
	}

	// show draws what there is now.
	show() {
		const { samples } = this.#history;
		const end = samples.at(-1)?.time ?? Date.now();
		const held = samples.length > 0 ? (end - samples[0].time) / 1000 : 0;
		const seconds = spans.find((s) => s >= held) ?? span;
		for (const plot of this.#plots) plot.show(samples, end, seconds, this.#at);
	}

	#point(at) {
		if (this.#at === at) return;
		this.#at = at;
		this.show();
	}
}
