// Times out of a histogram, as Prometheus reads them.

// quantile is the time in seconds below which a share q of the packets stayed that were
// measured between two states of the histogram; undefined where there were none. Counts
// are cumulative: a bucket's has those of the buckets below it.
export function quantile(q, before, now) {
	const counts = now.buckets.map(({ le, count }, i) => ({ le: Number(le), count: count - (before?.buckets[i]?.count ?? 0) }));
	const all = counts.at(-1)?.count ?? 0;
	if (!(all > 0)) return undefined;
	const rank = q * all;
	const at = counts.findIndex(({ count }) => count >= rank);
	const low = at > 0 ? counts[at - 1] : { le: 0, count: 0 };
	// A bucket without an upper end says only that it was more than its lower one.
	if (!Number.isFinite(counts[at].le)) return low.le;
	return low.le + (counts[at].le - low.le) * ((rank - low.count) / (counts[at].count - low.count));
}
