// A question before something that cannot be taken back.
import { byID } from "./element.js";

// confirmed asks, and gives whether the answer was yes. Escape is no.
export function confirmed(title, text, yes) {
	const dialog = byID("confirm");
	byID("confirm-title").textContent = title;
	byID("confirm-text").textContent = text;
	byID("confirm-yes").textContent = yes;
	return new Promise((resolve) => {
		const answers = new AbortController();
		const answer = (value) => {
			answers.abort();
			dialog.close();
			resolve(value);
		};
		const once = { signal: answers.signal };
		byID("confirm-yes").addEventListener("click", () => answer(true), once);
		byID("confirm-no").addEventListener("click", () => answer(false), once);
		dialog.addEventListener("cancel", (e) => { e.preventDefault(); answer(false); }, once);
		dialog.showModal();
		byID("confirm-no").focus(); // a key pressed twice must not end anything
	});
}
