// Calls that stand while something is done to the relay, by the functions of call.js.
const standing = [];

// begin makes a call by each of the servers, and keeps them.
async function begin(servers) {
	for (const server of servers) {
		const call = { ...await connect({ iceServers: [server] }), faults: [] };
		for (const end of [call.a, call.b]) {
			end.addEventListener("iceconnectionstatechange", () => end.iceConnectionState !== "completed" && end.iceConnectionState !== "connected" && call.faults.push(end.iceConnectionState));
		}
		standing.push(call);
	}
	return check({ messages: 20, frames: 10 });
}

// check has every call go on: messages that come back, and so many frames more. Faults
// are states of the connection besides those of one that works.
const check = ({ messages, frames }) => Promise.all(standing.map(async ({ a, b, channel, faults }) => {
	const { framesDecoded } = await decode(b, 0);
	const echoed = await echo(channel, messages);
	await decode(b, framesDecoded + frames);
	const [, stats] = [...await b.getStats()].find(([, s]) => s.type === "inbound-rtp" && s.kind === "video");
	return { echoed, lost: stats.packetsLost, pair: await selected(a), faults };
}));

// end ends them all.
function end() {
	for (const { close } of standing) close();
	return [];
}
