// Questions to the admin API, and what it refuses.
import { token } from "./token.js";

const patience = 10_000; // ms; a reload may take a few seconds

// A Refusal is an error with a sentence to show. Its status is that of HTTP, or 0 where
// there was no answer.
export class Refusal extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

// ask gives the answer's object, and undefined where the answer has no content. It
// throws a Refusal, and nothing else.
export async function ask(method, path, parameters = {}) {
	const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
	const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
	let response, body;
	try {
		response = await fetch(query.size > 0 ? `${path}?${query}` : path, { method, headers, cache: "no-store", signal: AbortSignal.timeout(patience) });
		const text = await response.text();
		body = text && JSON.parse(text);
	} catch {
		throw new Refusal(response?.status ?? 0, response ? "What answers is not the relay." : "The relay does not answer.");
	}
	if (!response.ok) throw new Refusal(response.status, body?.error?.message ?? `The relay refuses (${response.status}) and does not say why.`);
	return body || undefined;
}
