// Pieces of the page. Text only ever becomes text: nothing is parsed as markup.

// element makes one with attributes and children, each an element or text.
export function element(name, attributes = {}, ...children) {
	return fill(document.createElement(name), attributes, children);
}

// drawing is element for SVG.
export function drawing(name, attributes = {}, ...children) {
	return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(e, attributes, children) {
	for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
	e.append(...children.filter((c) => c !== ""));
	return e;
}

// byID finds a piece that index.html has.
export const byID = (id) => document.getElementById(id);

// note says how something stands: busy, good, bad, or "" for neither.
export function note(id, kind, text) {
	const e = byID(id);
	e.className = kind ? `note ${kind}` : "note";
	e.textContent = text;
}
