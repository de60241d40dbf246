// What the relay counts and reports, in words that need no RFC at hand.

// Why a datagram was not relayed or answered. The metrics have the same reasons.
const drops = {
	not_stun: "neither STUN nor ChannelData",
	malformed: "malformed STUN message",
	fingerprint: "wrong fingerprint",
	method: "not for a server",
	unauthenticated_budget: "too many without password",
	unknown_required: "unknown attribute",
	no_allocation: "client without allocation",
	indication_malformed: "malformed Send indication",
	channel_malformed: "malformed channel data",
	channel_reserved: "reserved channel number",
	channel_unbound: "channel of no peer",
	no_permission: "client has no permission",
	new_peers: "too many new peers",
	peer_denied: "peer not allowed here",
	new_peers: "too many new peers at once",
	peer_family: "IPv4 to IPv6 or back",
	stream_framing: "stream out of step",
	tcp_allocation: "datagram on a TCP allocation",
	moving: "client on the move",
	truncated: "larger than the buffer",
	bandwidth: "beyond its bandwidth",
	user_bandwidth: "beyond the user’s bandwidth",
	peer_no_permission: "stranger to the client",
	peer_source: "peer not allowed here (from it)",
	peer_connection: "too many peer connections",
	peer_accept: "no descriptors or memory",
	icmp_type: "ICMP that is not relayed",
	icmp_rate: "too many ICMP errors",
	too_large: "too large with its header",
	stream_backlog: "slow stream: queue full",
	stream_backlog_age: "slow stream: too old",
	stream_closed: "stream has ended",
	send_buffer: "send buffer full",
	send_not_permitted: "own firewall forbids it",
	send_message_size: "larger than the path takes",
	send_unreachable: "no route",
	send_error: "sending failed otherwise",
	panic: "fault of the relay",
	proxy_header: "no PROXY header",
	handshake_failed: "handshake failed",
	handshake_timeout: "handshake took too long",
	handshake_displaced: "too many handshakes",
	client_hello_too_long: "ClientHello too long",
	fallback_unreachable: "HTTPS server out of reach",
	not_dtls: "not DTLS",
	dtls_malformed: "malformed DTLS",
	dtls_unknown: "DTLS of no connection",
	dtls_rate: "too many DTLS handshakes",
	dtls_early: "DTLS data too early",
	dtls_backlog: "DTLS faster than decrypted",
	dtls_send: "sending DTLS failed",
};

// How a request's credentials were wrong.
const failures = {
	malformed: "malformed request",
	unknown_user: "unknown user",
	wrong_password: "wrong password",
	expired: "credential expired",
	revoked: "credential revoked",
	wrong_token: "wrong OAuth token",
};

const plain = (name) => name.replaceAll("_", " ");
export const dropInWords = (name) => drops[name] ?? plain(name);
export const failureInWords = (name) => failures[name] ?? plain(name);
export const transportInWords = (name) => name.toUpperCase();

// short is a number with three digits at most, and k, M or G.
function short(n) {
	for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
		if (n >= 0.9995 * size) return `${digits(n / size)} ${unit}`;
	}
	return `${digits(n)} `;
}

const digits = (n) => (n >= 99.95 ? n.toFixed(0) : n >= 9.995 ? n.toFixed(1).replace(/\.0$/, "") : n.toFixed(2).replace(/\.?0+$/, ""));

export const bitsInWords = (n) => `${short(n)}bit/s`;
export const packetsInWords = (n) => `${short(n)}/s`.replace(" /s", "/s");
export const bytesInWords = (n) => `${short(n)}B`;
export const countInWords = (n) => n.toLocaleString("en");

// secondsInWords is a time that is measured: 0.00012 is 120 µs.
export function secondsInWords(s) {
	if (s < 1e-3) return `${digits(s * 1e6)} µs`;
	return s < 1 ? `${digits(s * 1e3)} ms` : `${digits(s)} s`;
}

// durationInWords is a time that passes, in its two largest units: 3,700 is 1 h 1 min.
export function durationInWords(seconds) {
	const s = Math.max(0, Math.round(seconds));
	const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"], [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
	const first = parts.findIndex(([n]) => n > 0);
	if (first < 0) return "0 s";
	return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

// clock is a time of day, of this browser's time zone.
export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
