// The page: it looks at the relay once a second, and shows what it sees.
import { ask, Refusal } from "./ask.js";
import { setClock } from "./clock.js";
import { Control } from "./control.js";
import { byID, note } from "./element.js";
import { History } from "./history.js";
import { List } from "./list.js";
import { Plots } from "./plots.js";
import { showSilence, showStatus } from "./summary.js";
import { forgetToken, keepToken, token } from "./token.js";

const every = 1000; // ms between two looks
const listEvery = 3; // looks between two of the list

const history = new History();
const plots = new Plots(history);
const list = new List();
const control = new Control(look);
let looks = 0, asking = false, silentSince;

// begin takes what the relay remembers of the time before the page was opened, and looks.
async function begin() {
	try {
		const { started, moments } = await ask("GET", "v1/history");
		for (const moment of moments) history.add({ started, ...moment });
	} catch (e) {
		if (!(e instanceof Refusal)) throw e;
		if (e.status === 401) return miss(e);
	}
	await look();
}

// look asks once, and not again before there was an answer.
async function look() {
	if (asking || !byID("access").hidden) return;
	asking = true;
	try {
		show(await ask("GET", "v1/status"));
	} catch (e) {
		if (!(e instanceof Refusal)) throw e;
		miss(e);
	} finally {
		asking = false;
	}
}

function show(status) {
	silentSince = undefined;
	byID("console").hidden = false;
	setClock(status.now);
	history.add(status);
	showStatus(status);
	control.show(status);
	plots.show();
	if (looks++ % listEvery === 0) list.refresh();
}

function miss(refusal) {
	history.miss();
	if (refusal.status === 401) return askToken(token() ? `✗ ${refusal.message}` : "");
	silentSince ??= Date.now();
	showSilence(silentSince);
}

// askToken shows the form in place of everything else.
function askToken(sentence) {
	forgetToken();
	byID("console").hidden = true;
	byID("access").hidden = false;
	byID("state").className = "state";
	byID("state").textContent = "Locked";
	note("access-result", "bad", sentence);
	byID("token").focus();
}

byID("access-form").addEventListener("submit", (e) => {
	e.preventDefault();
	keepToken(byID("token").value.trim());
	byID("token").value = "";
	byID("access").hidden = true;
	note("access-result", "", "");
	looks = 0;
	begin();
});
begin().then(() => setInterval(look, every));
