// One error, explained.
import { element } from "./element.js";
import { errorInWords } from "./words.js";

// problem shows what a code means, what to do, and, small, what was reported.
export function problem({ code, text, count, urls = [] }) {
	const { meaning, advice } = errorInWords(code);
	const reported = [code ? `code ${code}` : "", text, [...urls].join(", "), count > 1 ? `${count} times` : ""].filter(Boolean).join(" · ");
	return element("div", { class: "problem" },
		element("p", {}, element("strong", {}, meaning)), element("p", {}, advice), element("p", { class: "code" }, reported));
}
