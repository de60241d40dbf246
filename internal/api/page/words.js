// What the browser and the relay report, in words that need no RFC at hand.

// wayInWords says what an address of a relay is for.
export function wayInWords(url) {
	const [scheme] = url.split(":");
	const tcp = /[?&]transport=tcp\b/.test(url);
	switch (scheme) {
		case "stun":
		case "stuns":
			return { kind: "reflexive", title: "Look into the mirror (STUN)", use: "shows which address the outside sees; nothing is relayed" };
		case "turns":
			return tcp || !url.includes("transport=")
				? { kind: "relay", title: "Relay by TLS", use: "looks like the secure web, and so passes the strictest firewalls" }
				: { kind: "relay", title: "Relay by DTLS", use: "encrypted UDP, for native applications: most browsers cannot use it" };
	}
	return tcp
		? { kind: "relay", title: "Relay by TCP", use: "for networks that let no UDP pass" }
		: { kind: "relay", title: "Relay by UDP", use: "the fastest way, where the network lets it pass" };
}

const types = { host: "host", srflx: "server reflexive", prflx: "peer reflexive", relay: "relay" };

// typeInWords is the type of a candidate (RFC 8445 §4) in full.
export const typeInWords = (type) => types[type] ?? type ?? "unknown";

// addressInWords joins an address and a port, an IPv6 address in brackets. Some
// browsers put them there already.
export function addressInWords(address, port) {
	if (!address) return "hidden by the browser";
	return address.includes(":") && !address.startsWith("[") ? `[${address}]:${port}` : `${address}:${port}`;
}

// Codes of icecandidateerror: those of STUN (RFC 8489 §14.8, RFC 8656 §19) and 701,
// which browsers make up where no answer came.
const codes = {
	300: ["The relay is about to stop and sends its clients elsewhere.", "Try again with fresh credentials: they name the relays that are left."],
	400: ["The relay could not make sense of a request.", "Something between here and there may alter packets. Try TLS, and look at the relay’s log."],
	401: ["The relay does not accept the name and password.", "Get new credentials. If it happens again, the service and the relay do not share a secret (auth.secrets), or the clock of one of them is wrong."],
	403: ["The relay refuses to send to that address.", "Private and local addresses are closed until the operator opens them: peers.allow in the configuration."],
	405: ["What answers knows STUN but relays nothing.", "The address may be that of a STUN server: check api.advertise."],
	420: ["The relay does not know something that the browser insists on.", "It may be an old one: look at its version."],
	437: ["The relay and this browser disagree about what is lent to it.", "It mends itself: try again. A router that gives two devices the same port can be the cause."],
	438: ["A one-time value had run out, and no newer one was accepted.", "Try again. If it happens often, several relays share one address and each makes values of its own."],
	440: ["The relay has no address of the family asked for (IPv4 or IPv6).", "Add one to relay.addresses, if your peers need it."],
	441: ["This address was lent to someone with other credentials.", "Get new credentials and begin anew: what was lent stays with the credentials it was lent to."],
	442: ["The relay does not relay by the transport asked for.", "Try an address with the other transport."],
	443: ["The peer’s address is of another family (IPv4, IPv6) than the one lent.", "Ask for a relayed address of the peer’s family."],
	446: ["There is a connection to that peer already.", "Use it, or end it first."],
	447: ["The relay could not connect to the peer.", "Is the peer listening, and may the relay reach it?"],
	486: ["This user has borrowed as many addresses as it may.", "End other calls and wait: what nobody gives back is free again after ten minutes at most. The limit is quota.user.allocations."],
	500: ["The relay failed within.", "Try again; the relay’s log says more."],
	508: ["The relay has no address left to lend, or is about to stop.", "Try again later, or another relay. Its operator can widen relay.ports."],
	701: ["No answer came from this address.", "Does the relay listen there? Does a firewall here or there close its port? For TLS: is its certificate valid for that name?"],
};

// errorInWords says what a code means and what to do about it.
export function errorInWords(code) {
	const [meaning, advice] = codes[code] ?? ["The relay or the browser reports a problem that this page has no words for.", "Look the code up in RFC 8489 and RFC 8656, and look at the relay’s log."];
	return { meaning, advice };
}

// milliseconds is a time to be read.
export const milliseconds = (t) => `${t < 10 ? t.toFixed(1) : Math.round(t)} ms`;
