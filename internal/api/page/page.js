// The page: three steps, each of which begins when the one before has worked.
import { byID, element, note } from "./element.js";
import { Conversation } from "./conversation.js";
import { askServers, eachURL, Refusal } from "./servers.js";
import { takeToken } from "./token.js";
import { wayInWords } from "./words.js";
import { tryWays } from "./ways.js";

let servers = []; // one URL each, with the credential for it
let asking = 0; // how often was asked: what is late is dropped
let probing; // ends the probes under way
const conversation = new Conversation();

async function access(token) {
	const turn = ++asking;
	probing?.abort();
	conversation.offer([]);
	byID("configuration").hidden = true;
	note("access-result", "busy", "Asking for credentials …");
	let answer;
	try {
		answer = await askServers(token);
	} catch (e) {
		if (turn === asking) refused(e);
		return;
	}
	if (turn !== asking) return;
	servers = eachURL(answer.iceServers);
	byID("configuration").lastElementChild.textContent = JSON.stringify({ iceServers: answer.iceServers }, null, 2);
	byID("configuration").hidden = false;
	note("access-result", "good", `✓ Credentials received, valid until ${new Date(answer.expiresOn).toLocaleString()}.`);
	conversation.offer(servers.filter((s) => wayInWords(s.urls[0]).kind === "relay"));
	await ways();
}

function refused(e) {
	if (!(e instanceof Refusal)) throw e;
	servers = [];
	byID("ways").replaceChildren();
	byID("again").hidden = true;
	note("access-result", "bad", `✗ ${e.message}`);
	note("ways-result", "", "Waits for credentials.");
}

async function ways() {
	probing?.abort();
	probing = new AbortController();
	const { signal } = probing;
	byID("again").hidden = true;
	await tryWays(servers, signal);
	if (!signal.aborted) byID("again").hidden = false;
}

// begin uses a token in the address. There is one at the start, or when an address
// with another is pasted into the same tab.
function begin() {
	const token = takeToken();
	if (!token) return;
	byID("token").value = token; // for new credentials when these have run out
	access(token);
}

byID("access").addEventListener("submit", (e) => {
	e.preventDefault();
	// A whole address of this page is as good as the token in it.
	access(byID("token").value.trim().replace(/^.*#token=/, ""));
});
byID("again").addEventListener("click", ways);
addEventListener("hashchange", begin);
begin();
