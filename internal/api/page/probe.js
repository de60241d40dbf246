// Trying one address of the relay, without any other.

const longest = 12_000; // ms; browsers send again for up to 10 s before they give up

// probe gathers candidates with one server that has one URL. It gives those
// candidates, the errors, the milliseconds until the first of the wanted type (or to
// the end), and whether the address works. Stop ends it early.
export async function probe(server, kind, stop) {
	const wanted = kind === "relay" ? "relay" : "srflx";
	const begun = performance.now();
	const found = [], errors = new Map();
	let peer, took;
	try {
		peer = new RTCPeerConnection({ iceServers: [server] }); // throws if it does not understand the address
		const complete = new Promise((resolve) => {
			setTimeout(resolve, longest, false);
			stop.addEventListener("abort", () => resolve(false), { once: true });
			peer.onicecandidate = ({ candidate }) => {
				if (!candidate) return resolve(true); // the end of candidates
				if (!candidate.candidate) return; // the end of those of one component
				if (candidate.tcpType === "active") return; // no address: the place of one that is yet to be opened (RFC 6544 §4.5)
				found.push(candidate);
				if (candidate.type === wanted) took ??= performance.now() - begun;
			};
			peer.onicecandidateerror = (e) => {
				// One for each of the device's addresses: they are told once.
				const seen = errors.get(e.errorCode);
				errors.set(e.errorCode, { code: e.errorCode, text: e.errorText ?? "", count: (seen?.count ?? 0) + 1 });
			};
		});
		peer.createDataChannel("probe");
		await peer.setLocalDescription();
		const ended = await complete;
		return { found, errors: [...errors.values()], took: took ?? performance.now() - begun, works: verdict(found, wanted, errors, ended), ended };
	} catch (e) {
		return { found, errors: [{ code: 0, text: String(e), count: 1 }], took: performance.now() - begun, works: false, ended: true };
	} finally {
		peer?.close();
	}
}

// verdict says whether an address works. A server reflexive candidate that equals
// the host's is left out by browsers (RFC 8445 §5.1.3): where gathering ended
// without an error and there is a host candidate, the answer was just that.
function verdict(found, wanted, errors, ended) {
	if (found.some((c) => c.type === wanted)) return true;
	return wanted === "srflx" && ended && errors.size === 0 && found.some((c) => c.type === "host");
}
