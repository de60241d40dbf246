// A small plot of the last minute of one figure.
import { drawing, element } from "./element.js";

const samples = 60, width = 120, height = 40;

// A Plot shows one value a second. Its text alternative is the last value and the range.
export class Plot {
	#values = [];
	#title;
	#format;
	#least; // the smallest top of the scale, so that noise does not look like mountains
	#value = element("p", { class: "value" }, "–");
	#curve = drawing("path", { class: "curve" });
	#area = drawing("path", { class: "area" });
	#svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" });

	constructor(title, hint, least, format) {
		this.#title = title;
		this.#least = least;
		this.#format = format;
		this.#svg.setAttribute("aria-label", `${title}: nothing measured yet`);
		this.#svg.append(drawing("line", { class: "base", x1: 0, x2: width, y1: height, y2: height }), this.#area, this.#curve);
		this.element = element("div", { class: "plot" }, element("h3", {}, title), this.#value, this.#svg, element("p", { class: "hint" }, hint));
	}

	// add appends a value; undefined, for a second in which nothing was measured, is a gap.
	add(value) {
		this.#values.push(value);
		if (this.#values.length > samples) this.#values.shift();
		const known = this.#values.filter((v) => v !== undefined);
		this.#value.textContent = value === undefined ? "–" : this.#format(value);
		if (known.length === 0) return;
		const low = Math.min(...known), high = Math.max(...known);
		this.#svg.setAttribute("aria-label", `${this.#title}: now ${this.#value.textContent}, in the last minute between ${this.#format(low)} and ${this.#format(high)}`);
		const top = Math.max(high, this.#least);
		const runs = this.#runs((v) => height - (v / top) * (height - 2));
		this.#curve.setAttribute("d", runs.map((run) => `M${run.join("L")}`).join(""));
		this.#area.setAttribute("d", runs.map((run) => `M${run[0][0]},${height}L${run.join("L")}L${run.at(-1)[0]},${height}Z`).join(""));
	}

	// runs are the points, newest at the right, split where a value is missing. One
	// value alone is a short stroke, or it could not be seen.
	#runs(y) {
		const step = width / (samples - 1);
		const first = samples - this.#values.length;
		const runs = [];
		let run;
		this.#values.forEach((v, i) => {
			if (v === undefined) {
				run = undefined;
				return;
			}
			if (!run) runs.push((run = [[Math.max(0, (first + i - 0.5) * step), y(v)]]));
			run.push([(first + i) * step, y(v)]);
		});
		return runs;
	}
}
