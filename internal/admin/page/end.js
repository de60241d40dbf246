// Ending allocations, after a question.
import { ask, Refusal } from "./ask.js";
import { confirmed } from "./confirm.js";

// endOne gives a sentence about what came of it, or "" where the answer was no.
export async function endOne({ id, subject, client }) {
	const whose = subject ? `${subject} (${client})` : client;
	if (!await confirmed("End this allocation?", `What ${whose} sends and receives through it breaks off at once. The client may ask for another one: to keep a user out, revoke its credentials too.`, "End it")) return "";
	try {
		await ask("DELETE", `v1/allocations/${encodeURIComponent(id)}`);
	} catch (e) {
		if (e instanceof Refusal && e.status === 404) return `The allocation of ${whose} had ended already.`;
		throw e;
	}
	return `✓ The allocation of ${whose} is ended.`;
}

// endAllOf likewise ends all of a user.
export async function endAllOf(subject) {
	if (!await confirmed("End all of this user?", `All calls of ${subject} through this relay break off at once. The user may begin new ones: to keep a user out, revoke its credentials too.`, "End all")) return "";
	const { ended } = await ask("DELETE", "v1/allocations", { subject });
	return `✓ ${ended === 1 ? "One allocation" : `${ended} allocations`} of ${subject} ${ended === 1 ? "is" : "are"} ended.`;
}
