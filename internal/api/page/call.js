// A call with oneself: two peer connections of this page that may use the relay alone.

const patience = 20_000; // ms until a call that has not connected is given up

// A Call is one call. Its callbacks: onerror(event) for each icecandidateerror,
// ontext(text, ms) for what came back, onend(sentence) when it breaks down.
export class Call {
	#a;
	#b;
	#stream;
	#chat;
	#pings;
	#sent = []; // when each text left; the channel keeps their order
	#echo; // ms a ping was under way, of the last that came back
	#last; // counters at the last measurement
	#giveUp;
	#ended = false;

	constructor(stream, callbacks) {
		this.#stream = stream;
		this.callbacks = callbacks;
	}

	// connect makes the call by these servers and resolves when text can pass; the
	// picture goes to video. It throws an Error with a sentence to show, or the
	// browser's own where it cannot use a server at all.
	async connect(iceServers, video) {
		const configuration = { iceServers, iceTransportPolicy: "relay" };
		const a = (this.#a = new RTCPeerConnection(configuration));
		const b = (this.#b = new RTCPeerConnection(configuration));
		for (const [from, to] of [[a, b], [b, a]]) {
			let lent = 0;
			from.onicecandidate = ({ candidate }) => {
				if (candidate?.candidate) lent++;
				if (candidate) this.#add(to, candidate);
				else if (lent === 0) this.#giveUp(); // the relay lent this end nothing: there is no way to it
			};
			from.onicecandidateerror = (e) => this.callbacks.onerror(e);
		}
		b.ontrack = ({ streams: [stream] }) => {
			video.srcObject = stream;
			video.play().catch(() => {}); // ended before it began
		};
		b.ondatachannel = ({ channel }) => {
			channel.onmessage = ({ data }) => channel.readyState === "open" && channel.send(data);
		};
		for (const track of this.#stream.getTracks()) a.addTrack(track, this.#stream);
		this.#chat = a.createDataChannel("chat");
		// A ping that is lost must not hold up the next.
		this.#pings = a.createDataChannel("pings", { ordered: false, maxRetransmits: 0 });
		this.#chat.onmessage = ({ data }) => this.callbacks.ontext(data, performance.now() - this.#sent.shift());
		this.#pings.onmessage = ({ data }) => (this.#echo = performance.now() - Number(data));

		const open = this.#opened();
		open.catch(() => {}); // it is waited for below, once there is nothing left to do
		await a.setLocalDescription();
		await b.setRemoteDescription(a.localDescription);
		await b.setLocalDescription();
		await a.setRemoteDescription(b.localDescription);
		await open;
		a.onconnectionstatechange = () => {
			if (a.connectionState === "failed") this.callbacks.onend("The call broke down: nothing has come through the relay for a while.");
		};
	}

	// A call that is over takes no more candidates.
	#add(peer, candidate) {
		peer.addIceCandidate(candidate).catch((e) => this.#ended || console.warn(e));
	}

	#opened() {
		return new Promise((resolve, reject) => {
			this.#giveUp = () => reject(new Error("The call did not come about."));
			const timer = setTimeout(this.#giveUp, patience);
			this.#chat.onopen = () => { clearTimeout(timer); resolve(); };
			this.#chat.onclose = this.#giveUp; // the person ended it
			this.#a.onconnectionstatechange = () => this.#a.connectionState === "failed" && this.#giveUp();
		});
	}

	// say sends a text.
	say(text) {
		this.#sent.push(performance.now());
		this.#chat.send(text);
	}

	get open() { return this.#chat?.readyState === "open"; }

	// measure gives the figures since the last time: roundTrip in ms, bitrate in
	// bit/s, loss in percent, the size of the picture, and the path in use. It sends
	// the next ping.
	async measure() {
		const [here, there] = await Promise.all([this.#a.getStats(), this.#b.getStats()]);
		const incoming = [...there.values()].find((s) => s.type === "inbound-rtp" && s.kind === "video");
		const roundTrip = this.#echo;
		this.#echo = undefined;
		if (this.#pings.readyState === "open") this.#pings.send(String(performance.now()));
		return { roundTrip, ...this.#rates(incoming), width: incoming?.frameWidth, height: incoming?.frameHeight,
			frames: incoming?.framesDecoded ?? 0, path: [...path(here), ...path(there).reverse()] };
	}

	// rates are what the picture's counters changed by.
	#rates(incoming) {
		const [now, before] = [incoming, this.#last];
		this.#last = now;
		if (!now || !before || now.timestamp <= before.timestamp) return {};
		const received = now.packetsReceived - before.packetsReceived;
		// A packet that comes late is counted as lost first and taken back then.
		const lost = Math.max(0, now.packetsLost - before.packetsLost);
		return {
			bitrate: ((now.bytesReceived - before.bytesReceived) * 8000) / (now.timestamp - before.timestamp),
			loss: received + lost > 0 ? (100 * lost) / (received + lost) : undefined,
		};
	}

	// end closes everything and gives the camera back.
	end() {
		this.#ended = true;
		this.#stream.getTracks().forEach((track) => track.stop());
		this.#a?.close();
		this.#b?.close();
	}
}

// path is one side's part of the way: its own candidate, as the statistics have it.
function path(stats) {
	const transport = [...stats.values()].find((s) => s.type === "transport" && s.selectedCandidatePairId);
	// Firefox has no statistics of the transport, and marks the pair itself.
	const pair = transport ? stats.get(transport.selectedCandidatePairId) : [...stats.values()].find((s) => s.type === "candidate-pair" && s.selected);
	const local = pair && stats.get(pair.localCandidateId);
	return local ? [local] : [];
}
