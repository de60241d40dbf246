// A plot of several curves over the last ten minutes, with a scale, that can be read at
// any of its points by pointer and by keyboard.
import { drawing, element } from "./element.js";
import { span } from "./history.js";
import { top } from "./scale.js";
import { clock, durationInWords } from "./words.js";

const width = 600, height = 100; // of the drawing; the page stretches it

// A Plot shows what its kind describes: id, title, hint, least (the smallest top of the
// scale, so that noise does not look like mountains), whole (whether its values are whole
// numbers), format (a value in words), curves
// (the names to draw, given the samples), words (of a name), absent (the value of a name
// that a sample lacks; none if undefined) and quiet (what stands there where there is no
// curve). Point is called with a time in ms, or undefined, when somebody points at it.
export class Plot {
	#kind;
	#point;
	#samples = [];
	#names = [];
	#end = 0; // ms, at the right edge
	#span = span * 1000; // ms, from edge to edge
	#at; // ms, what is pointed at
	#legend = element("ul", { class: "legend" });
	#when = element("span", { class: "when" });
	#ticks = [1, 0.5, 0].map((share) => element("span", { class: "tick", "data-share": share }));
	#curves = drawing("g");
	#times = element("div", { class: "times", "aria-hidden": "true" });
	#mark = drawing("line", { class: "mark", y1: 0, y2: height, visibility: "hidden" });
	#chart;

	constructor(kind, point) {
		this.#kind = kind;
		this.#point = point;
		const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
			...[0, 0.5, 1].map((y) => drawing("line", { class: "grid", x1: 0, x2: width, y1: y * height, y2: y * height })), this.#curves, this.#mark);
		this.#chart = element("div", { class: "chart", role: "slider", tabindex: 0, "aria-label": kind.title, "aria-valuemin": -span, "aria-valuemax": 0, "aria-valuenow": 0 }, svg);
		this.element = element("div", { class: "plot", "data-plot": kind.id },
			element("div", { class: "title" }, element("h3", {}, kind.title), this.#when),
			element("p", { class: "hint" }, kind.hint), this.#legend,
			element("div", { class: "frame" }, element("div", { class: "ticks", "aria-hidden": "true" }, ...this.#ticks), this.#chart),
			this.#times);
		this.#listen();
		this.#tell();
	}

	// show draws the samples over that many seconds up to end. At is the time that is
	// pointed at, in this or another plot.
	show(samples, end, seconds, at) {
		this.#samples = samples;
		this.#end = end;
		this.#span = seconds * 1000;
		this.#times.replaceChildren(...[seconds, seconds / 2].map((s) => element("span", {}, `−${durationInWords(s)}`)), element("span", {}, "now"));
		this.#at = at;
		this.#names = this.#kind.curves(samples);
		const values = samples.flatMap((s) => this.#names.map((name) => this.#value(s, name) ?? 0));
		const high = top(Math.max(this.#kind.least, ...values), this.#kind.whole);
		for (const tick of this.#ticks) tick.textContent = this.#kind.format(tick.dataset.share * high);
		this.#curves.replaceChildren(...this.#names.map((name, i) => drawing("path", { class: `curve series-${i + 1}`, d: this.#path(name, high) })));
		this.#read();
	}

	#value(sample, name) { return sample.plots[this.#kind.id][name] ?? this.#kind.absent; }

	#x(time) { return width * (1 - (this.#end - time) / this.#span); }

	// path is a curve, broken where nothing was measured. A point alone is a short stroke,
	// or it could not be seen.
	#path(name, high) {
		let path = "", broken = true;
		for (const sample of this.#samples) {
			const value = this.#value(sample, name);
			if (value === undefined) {
				broken = true;
				continue;
			}
			const x = this.#x(sample.time), y = (height * (1 - value / high)).toFixed(2);
			path += broken || sample.gap ? `M${(x - 1).toFixed(1)},${y}L${x.toFixed(1)},${y}` : `L${x.toFixed(1)},${y}`;
			broken = false;
		}
		return path;
	}

	// read shows the values at the time pointed at, or the newest.
	#read() {
		const sample = this.#at === undefined ? this.#samples.at(-1) : this.#nearest(this.#at);
		this.#when.textContent = this.#at === undefined || !sample ? "" : clock(sample.time);
		this.#mark.setAttribute("visibility", this.#at === undefined || !sample ? "hidden" : "visible");
		if (sample) for (const end of ["x1", "x2"]) this.#mark.setAttribute(end, this.#x(sample.time));
		const rows = this.#names.map((name, i) => element("li", { class: `series-${i + 1}` }, element("span", { class: "name" }, this.#kind.words(name)), " ",
			element("span", { class: "value" }, this.#inWords(sample, name))));
		this.#legend.replaceChildren(...(rows.length > 0 ? rows : [element("li", { class: "none" }, this.#kind.quiet)]));
		// A screen reader reads every change of what has the focus: there only keys change it.
		if (document.activeElement !== this.#chart) this.#tell();
	}

	#inWords(sample, name) {
		const value = sample && this.#value(sample, name);
		return value === undefined ? "–" : this.#kind.format(value);
	}

	#nearest(time) {
		return this.#samples.reduce((best, s) => (Math.abs(s.time - time) < Math.abs(best.time - time) ? s : best), this.#samples[0]);
	}

	// tell puts the read-out into words.
	#tell() {
		const sample = this.#at === undefined ? this.#samples.at(-1) : this.#nearest(this.#at);
		const ago = sample && this.#at !== undefined ? Math.max(1, Math.round((this.#end - sample.time) / 1000)) : 0;
		const values = this.#names.map((name) => `${this.#kind.words(name)} ${this.#inWords(sample, name)}`);
		this.#chart.setAttribute("aria-valuenow", -ago);
		this.#chart.setAttribute("aria-valuetext", `${ago > 0 ? `${durationInWords(ago)} ago` : "now"}: ${values.join(", ") || this.#kind.quiet}`);
	}

	#listen() {
		this.#chart.addEventListener("pointermove", (e) => {
			const { left, width: wide } = this.#chart.getBoundingClientRect();
			this.#point(this.#end - this.#span * (1 - (e.clientX - left) / wide));
		});
		for (const end of ["pointerleave", "pointercancel", "blur"]) this.#chart.addEventListener(end, () => this.#point(undefined));
		this.#chart.addEventListener("keydown", (e) => {
			const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -60, PageUp: 60, Home: -Infinity, End: Infinity, Escape: undefined };
			if (!(e.key in steps) || this.#samples.length === 0) return;
			e.preventDefault();
			this.#point(this.#moved(steps[e.key]));
			this.#tell();
		});
	}

	// moved is the time of the sample that many further; of none where that is the newest.
	#moved(step) {
		if (step === undefined) return undefined;
		const from = this.#at === undefined ? this.#samples.length - 1 : this.#samples.indexOf(this.#nearest(this.#at));
		const to = Math.max(0, from + step);
		return to < this.#samples.length - 1 ? this.#samples[to].time : undefined;
	}
}
