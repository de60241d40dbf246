// Asking the service for credentials.

// A Refusal says what went wrong and what to do about it.
export class Refusal extends Error {}

// askServers gives the service's answer to POST v1/ice-servers: iceServers as
// RTCPeerConnection takes them, expiresOn and ttl. It throws a Refusal.
export async function askServers(token) {
	// No valid token has other characters, and fetch takes no header that has.
	if (!/^[\x21-\x7e]+$/.test(token)) {
		throw new Refusal("This is not a user token: it has spaces or letters that no token has. Copy all of it, and nothing else.");
	}
	let response;
	try {
		response = await fetch("v1/ice-servers", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
	} catch {
		throw new Refusal("The service does not answer. Is turnout still running, and are you still on its network?");
	}
	const answer = await response.json().catch(() => null);
	if (!response.ok) throw new Refusal(refusalInWords(response.status, answer?.error?.message ?? ""));
	if (!Array.isArray(answer?.iceServers)) throw new Refusal("What answers here is not turnout’s service: it gave no relay addresses.");
	return answer;
}

function refusalInWords(status, message) {
	const more = message && ` The service says: “${message}”`;
	switch (status) {
		case 401:
			if (message.includes("expired")) {
				return "This token has expired. Tokens end by themselves: start turnout again, or make one with turnout token mint, and paste it here.";
			}
			if (message.includes("revoked")) return "This token has been revoked: its user was signed out. Make a new one with turnout token mint.";
			return `This token is not valid here. Was all of it copied, and was it made by this very service?${more}`;
		case 403:
			return `The token is good, but not for relay credentials: it needs the scope “voip” (or another of api.scopes).${more}`;
		case 421:
			return `The service does not answer to the name in the address bar: use localhost or 127.0.0.1, or add the name to api.names.${more}`;
		case 429:
			return "Too many requests: wait a minute, then try again.";
		case 503:
			return `The service cannot do its work just now, mostly because its store is out of reach. Try again in a moment.${more}`;
	}
	return `The service answered with status ${status}.${more}`;
}

// eachURL is a list of servers with one URL each, in the order of the answer.
export function eachURL(iceServers) {
	return iceServers.flatMap(({ urls, ...credential }) => [urls].flat().map((url) => ({ urls: [url], ...credential })));
}
