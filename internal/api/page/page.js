// Tries the relay: credentials by a user's token, each URL by itself, and a call
// between two ends of this page that may use the relay only. It loads and asks nothing
// but this service.

const $ = id => document.getElementById(id);
const patience = 8000; // milliseconds for one URL, or for the call

// The token may stand in the address's fragment, which browsers send to no one.
$("token").value = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";

$("form").addEventListener("submit", event => {
  event.preventDefault();
  tryRelay($("token").value.trim());
});

async function tryRelay(token) {
  $("start").disabled = true;
  $("results").hidden = true;
  try {
    say("Asking for credentials …");
    const answer = await credentials(token);
    $("configuration").textContent = JSON.stringify({ iceServers: answer.iceServers }, null, 2);
    $("urls").replaceChildren();
    $("call").replaceChildren();
    $("results").hidden = false;
    say(`Credentials until ${new Date(answer.expiresOn).toLocaleString()}. Trying every URL …`);
    await Promise.all(answer.iceServers.flatMap(server => server.urls.map(url => tryURL(url, server))));
    say("Calling through the relay …");
    const { milliseconds, pair } = await call(answer.iceServers);
    mark($("call"), true, `A message went through the relay and came back in ${milliseconds.toFixed(1)} ms (${pair}).`);
    say("The relay works.", true);
  } catch (error) {
    say(error.message, false);
  } finally {
    $("start").disabled = false;
  }
}

function say(text, good) { mark($("state"), good, text); }

function mark(element, good, text) {
  element.textContent = text;
  element.className = good === undefined ? "" : good ? "good" : "bad";
}

async function credentials(token) {
  const response = await fetch("v1/ice-servers", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${answer.error.code}: ${answer.error.message}`);
  return answer;
}

// tryURL gathers candidates by one URL and shows what came of it.
async function tryURL(url, server) {
  const row = $("urls").insertRow();
  row.insertCell().textContent = url;
  const outcome = row.insertCell(), time = row.insertCell();
  const began = performance.now();
  const found = await gather({ ...server, urls: [url] });
  time.textContent = `${Math.round(performance.now() - began)} ms`;
  mark(outcome, found.ok, found.text);
}

// gather waits for the candidate that a URL is there for: relay for turn:, srflx for stun:. Where no NAT is between, the
// reflexive address is the host's own and browsers leave it out: that is no fault.
function gather(server) {
  const wanted = server.urls[0].startsWith("turn") ? "relay" : "srflx";
  const connection = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: wanted === "relay" ? "relay" : "all" });
  let fault = "";
  return new Promise(done => {
    const end = found => { clearTimeout(timer); connection.close(); done(found); };
    const none = () => wanted === "relay"
      ? { ok: false, text: fault || "no relayed address" }
      : { ok: !fault, text: fault || "no NAT seen" };
    const timer = setTimeout(() => end(none()), patience);
    connection.onicecandidateerror = e => { fault = `${e.errorCode} ${e.errorText}`.trim(); };
    connection.onicecandidate = e => {
      if (!e.candidate || e.candidate.candidate === "") end(none());
      else if (e.candidate.type === wanted) end({ ok: true, text: `${e.candidate.address}:${e.candidate.port}` });
    };
    connection.createDataChannel("");
    connection.setLocalDescription();
  });
}

// call connects two ends by relayed addresses only, and times a message there and back.
async function call(iceServers) {
  const ends = [0, 1].map(() => new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" }));
  const [caller, callee] = ends;
  try {
    ends.forEach((end, i) => { end.onicecandidate = e => ends[1 - i].addIceCandidate(e.candidate ?? undefined); });
    callee.ondatachannel = e => { e.channel.onmessage = m => e.channel.send(m.data); };
    const channel = caller.createDataChannel("echo");
    const open = new Promise((resolve, reject) => {
      channel.onopen = resolve;
      setTimeout(() => reject(new Error("The call did not connect through the relay.")), patience);
    });
    await caller.setLocalDescription();
    await callee.setRemoteDescription(caller.localDescription);
    await callee.setLocalDescription();
    await caller.setRemoteDescription(callee.localDescription);
    await open;
    const began = performance.now();
    await new Promise(resolve => { channel.onmessage = resolve; channel.send("there and back"); });
    return { milliseconds: performance.now() - began, pair: await pairOf(caller) };
  } finally {
    ends.forEach(end => end.close());
  }
}

// pairOf says by which kinds of candidates a connection goes.
async function pairOf(connection) {
  const report = await connection.getStats();
  for (const transport of report.values()) {
    if (transport.type !== "transport" || !transport.selectedCandidatePairId) continue;
    const pair = report.get(transport.selectedCandidatePairId);
    const local = report.get(pair.localCandidateId), remote = report.get(pair.remoteCandidateId);
    return `${local.candidateType} by ${local.relayProtocol ?? local.protocol} to ${remote.candidateType}`;
  }
  return "pair unknown";
}
