// What the relay did in the last ten minutes, from what it has counted since its start.
import { quantile } from "./latency.js";

export const span = 600; // seconds that are kept

// What ends a log-in. Being asked for a password, and for it again with a new nonce, is
// how TURN works, and no failure.
const noFailures = new Set(["ok", "challenged", "stale_nonce"]);

// A History makes a sample of every two successive states. A sample has its time (ms),
// whether it begins after a gap, and for each plot the values of its curves by name.
export class History {
	samples = [];
	#last;
	#gap = true;

	// add takes what GET /v1/status answers, or a moment of GET /v1/history. The relay's own
	// clock says how much time has passed: an answer may come late.
	add(status) {
		const last = this.#last, time = Date.parse(status.now);
		const seconds = last ? (time - Date.parse(last.now)) / 1000 : 0;
		const same = last?.started === status.started;
		if (same && !(seconds > 0)) return; // known
		this.#last = status;
		if (!same) {
			this.#gap = true; // another process, which counts from 0
			return;
		}
		this.samples.push({ time, gap: this.#gap, plots: measure(last, status, seconds) });
		this.#gap = false;
		while (this.samples[0].time < time - span * 1000) this.samples.shift();
	}

	// miss notes that there was no answer.
	miss() { this.#gap = true; }
}

function measure(last, status, seconds) {
	const rate = (now, before) => Math.max(0, ((now ?? 0) - (before ?? 0)) / seconds);
	const relayed = (what, factor) => ({
		"to peers": factor * rate(status.relayed.toPeers[what], last.relayed.toPeers[what]),
		"to clients": factor * rate(status.relayed.toClients[what], last.relayed.toClients[what]),
	});
	const rates = (now, before) => Object.fromEntries(Object.entries(now ?? {}).map(([name, n]) => [name, rate(n, before?.[name])]));
	const failures = Object.entries(rates(status.authentications, last.authentications)).filter(([name]) => !noFailures.has(name));
	return {
		bits: relayed("bytes", 8),
		packets: relayed("packets", 1),
		allocations: { all: status.allocations, ...status.allocationsByTransport },
		drops: rates(status.drops, last.drops),
		failures: Object.fromEntries(failures),
		latency: latency(last.latency, status.latency),
	};
}

function latency(last, now) {
	if (!now) return {};
	return { median: quantile(0.5, last, now), "99 of 100 below": quantile(0.99, last, now) };
}
