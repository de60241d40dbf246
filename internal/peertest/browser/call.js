// connect connects two RTCPeerConnections of this page to each other through the relay
// alone: a data channel, whose far end sends back what it gets, and the camera's video
// one way. It gives both, the channel, errors of gathering, and close. It throws an
// Error that has the errors too.
async function connect({ iceServers }) {
	const a = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
	const b = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
	const errors = [];
	const close = () => { a.close(); b.close(); };
	for (const [from, to] of [[a, b], [b, a]]) {
		from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
		from.onicecandidateerror = (e) => errors.push(`${e.url} ${e.errorCode} ${e.errorText}`);
	}
	try {
		b.ondatachannel = ({ channel }) => {
			channel.onmessage = ({ data }) => channel.send(data);
		};
		const video = document.createElement("video");
		video.muted = true;
		b.ontrack = ({ streams }) => {
			video.srcObject = streams[0];
			video.play();
		};
		const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
		for (const track of camera.getTracks()) a.addTrack(track, camera);
		const channel = a.createDataChannel("echo");

		await a.setLocalDescription();
		await b.setRemoteDescription(a.localDescription);
		await b.setLocalDescription();
		await a.setRemoteDescription(b.localDescription);
		await within(30000, "the data channel opens", (done) => { channel.onopen = done; });
		return { a, b, channel, errors, close };
	} catch (e) {
		const states = [a, b].map((p) => `${p.iceGatheringState}/${p.iceConnectionState}/${p.connectionState}`);
		close();
		throw Object.assign(new Error(`${e} (gathering/ice/connection: ${states.join(", ")})`), { errors });
	}
}

// call makes one, and returns what went through: how many of the messages came back as
// they were sent, how much video was decoded at the far end, and which candidates
// carried it.
async function call({ iceServers, messages, frames }) {
	let ends;
	try {
		ends = await connect({ iceServers });
		const { a, b, channel, errors } = ends;
		const echoed = await echo(channel, messages);
		const decoded = await decode(b, frames);
		return { echoed, ...decoded, pairs: [await selected(a), await selected(b)], errors };
	} catch (e) {
		return { failure: String(e), errors: e.errors ?? ends?.errors };
	} finally {
		ends?.close();
	}
}

// within waits until begin calls its argument, at most so many milliseconds.
function within(milliseconds, what, begin) {
	return new Promise((resolve, reject) => {
		setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds);
		begin(resolve);
	});
}

// echo sends messages of many lengths and counts those that come back in order and unchanged.
async function echo(channel, messages) {
	const sent = Array.from({ length: messages }, (_, i) => `${i}:` + "turnout ".repeat((i * 7) % 300));
	let right = 0, seen = 0;
	await within(30000, "every message comes back", (done) => {
		channel.onmessage = ({ data }) => {
			if (data === sent[seen]) right++;
			if (++seen === messages) done();
		};
		for (const text of sent) channel.send(text);
	});
	return right;
}

// decode waits until that many frames of the video have been decoded.
async function decode(peer, frames) {
	const until = performance.now() + 30000;
	for (;;) {
		for (const s of (await peer.getStats()).values()) {
			const { framesDecoded, frameWidth, frameHeight } = s;
			if (s.type === "inbound-rtp" && s.kind === "video" && (framesDecoded >= frames || performance.now() > until)) {
				return { framesDecoded, frameWidth, frameHeight };
			}
		}
		if (performance.now() > until) throw new Error("no video arrives");
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
}

// selected describes the candidate pair in use.
async function selected(peer) {
	const stats = await peer.getStats();
	const transport = [...stats.values()].find((s) => s.type === "transport");
	const pair = stats.get(transport.selectedCandidatePairId);
	const local = stats.get(pair.localCandidateId), remote = stats.get(pair.remoteCandidateId);
	return { local: local.candidateType, remote: remote.candidateType, relayProtocol: local.relayProtocol };
}
