// Uses the operator's page in Chromium as an operator would, and prints what it showed
// as one line of JSON.
//
//	node operator.mjs CHROMIUM PAGE SCREENSHOTS SCENARIO < TOKEN
//
// SCREENSHOTS is a folder, or "" for none. The relay must have two pages full of
// allocations, among them one of alice and two of carol.
import { text as read } from "node:stream/consumers";
import { focused, ground, overflow, phone, tabTo, unnamed, visit } from "./visit.mjs";

const [executablePath, page, screenshots, scenario] = process.argv.slice(2);
const token = (await read(process.stdin)).trim();

const scenarios = {
	light: () => visit(executablePath, { viewport: { width: 1200, height: 900 } }, everything),
	dark: () => visit(executablePath, { colorScheme: "dark" }, look),
	phone: () => visit(executablePath, phone, look),
	keyboard: () => visit(executablePath, {}, keyboardOnly),
	token: () => visit(executablePath, {}, withToken),
	words: () => visit(executablePath, {}, words),
	"broken file": () => visit(executablePath, {}, brokenFile),
	silence: () => visit(executablePath, {}, silence),
};

async function shoot(tab, name, fullPage = true) {
	if (screenshots) await tab.screenshot({ path: `${screenshots}/operator-${scenario.replace(" ", "-")}-${name}.png`, fullPage });
}

const state = async (tab, text) => {
	const found = tab.locator("#state", { hasText: text });
	await found.waitFor();
	return found.innerText();
};

// measured waits until there are curves of that many points in the first plots, and gives all that show.
async function measured(tab, least) {
	await tab.waitForFunction((n) => ["bits", "packets", "allocations"].every((id) => (document.querySelector(`[data-plot=${id}] .curve`)?.getAttribute("d") ?? "").split("L").length > n), least);
	return tab.locator(".plot:visible").evaluateAll((all) => all.map((p) => ({
		id: p.dataset.plot,
		legend: [...p.querySelectorAll(".legend li")].map((li) => li.innerText.trim()),
		ticks: [...p.querySelectorAll(".tick")].map((e) => e.innerText),
		curves: [...p.querySelectorAll(".curve")].map((c) => c.getAttribute("d")),
	})));
}

const users = (tab) => tab.locator("#list tbody tr").evaluateAll((rows) => rows.map((row) => row.cells[0].innerText));

// search gives the users of the first page, once the list's sentence is the one awaited.
async function search(tab, fields, sentence) {
	for (const [label, text] of Object.entries(fields)) await tab.getByRole("searchbox", { name: label, exact: true }).fill(text);
	await tab.getByRole("button", { name: "Search", exact: true }).click();
	await tab.locator("#list-result", { hasText: sentence }).waitFor();
	return users(tab);
}

const confirm = (tab, name) => tab.locator("#confirm").getByRole("button", { name }).click();

async function open(tab) {
	await tab.goto(page);
	return state(tab, /^(Ready|Degraded)$/);
}

// everything reads, searches, ends, drains and reloads.
async function everything(tab) {
	const shown = { states: [await open(tab)], overflow: [], lists: {} };
	shown.plots = await measured(tab, 3);
	await tab.locator("#list tbody tr").first().waitFor();
	const pageNumber = async (n) => tab.locator("#page-number", { hasText: `Page ${n}` }).waitFor();
	await pageNumber(1);
	shown.lists.first = await users(tab);
	await shoot(tab, "overview");
	await tab.locator("#next").click();
	await pageNumber(2);
	await tab.waitForFunction((first) => document.querySelector("#list tbody td")?.innerText !== first, shown.lists.first[0]);
	shown.lists.second = await users(tab);
	await tab.locator("#previous").click();
	await pageNumber(1);

	await tab.getByLabel("Order").selectOption("most data now");
	await tab.locator("#list-result", { hasText: "32 live" }).waitFor();
	await tab.waitForFunction(() => document.querySelector("#list tbody td")?.innerText.startsWith("alice"));
	shown.lists.busiest = (await users(tab)).slice(0, 1);
	await tab.getByLabel("Order").selectOption("user");
	await tab.waitForFunction(() => document.querySelector("#list tbody tr:nth-child(2) td")?.innerText.startsWith("carol"));
	shown.lists.named = await users(tab);
	await tab.locator("#next").click();
	await pageNumber(2);
	await tab.waitForFunction((first) => document.querySelector("#list tbody td")?.innerText !== first, shown.lists.named[0]);
	shown.lists.named.push(...await users(tab));
	await tab.getByLabel("Order").selectOption("as found");
	await pageNumber(1);

	shown.lists.alice = await search(tab, { User: "lic" }, "1 found");
	await tab.getByRole("button", { name: /^Details: alice/ }).click();
	await tab.locator("#peers td").first().waitFor();
	shown.details = await tab.locator("#details").innerText();
	await shoot(tab, "details", false);
	await tab.locator("#details-close").click();
	await tab.getByRole("button", { name: /^End: alice/ }).click();
	shown.question = await tab.locator("#confirm").innerText();
	await shoot(tab, "question", false);
	await confirm(tab, "Leave it");
	shown.lists.left = await search(tab, {}, "1 found");
	await tab.getByRole("button", { name: /^End: alice/ }).click();
	await confirm(tab, "End it");
	await tab.locator("#list-result", { hasText: "is ended" }).waitFor();
	await tab.locator("#list tbody tr").waitFor({ state: "detached" });
	shown.ended = await tab.locator("#list-result").innerText();

	shown.lists.carol = await search(tab, { User: "carol" }, "2 found");
	await tab.getByRole("button", { name: /^Details: carol/ }).first().click();
	await tab.getByRole("button", { name: "End all of this user" }).click();
	await confirm(tab, "End all");
	await tab.locator("#list-result", { hasText: "of carol are ended" }).waitFor();
	shown.endedAll = await tab.locator("#list-result").innerText();
	shown.lists.nobody = await search(tab, { User: "", "Client’s address": "192.0.2.0/24" }, "Nothing is found");
	shown.lists.block = await search(tab, { "Client’s address": "127.0.0.0/8" }, "on this page");

	await drain(tab, shown);
	await reload(tab, shown);
	await tab.locator("#configuration summary").click();
	await tab.locator("#configuration pre").waitFor();
	shown.configuration = await tab.locator("#configuration pre").innerText();
	await tab.locator("#requests summary").click();
	shown.requested = await tab.locator("#requests tbody tr").allInnerTexts();
	await shoot(tab, "end");
	shown.overflow.push(await overflow(tab));
	shown.unnamed = await unnamed(tab);
	shown.ground = await ground(tab);
	return shown;
}

// drain switches to draining and back, and asks /readyz beside the page in between.
async function drain(tab, shown) {
	const readiness = async () => (await tab.context().request.get(`${page}readyz`)).status();
	shown.readiness = [await readiness()];
	const button = tab.getByRole("switch", { name: "Drain" });
	await button.click();
	await confirm(tab, "Drain");
	shown.states.push(await state(tab, /^Draining/));
	shown.readiness.push(await readiness());
	await shoot(tab, "draining", false);
	await button.click();
	shown.states.push(await state(tab, /^(Ready|Degraded)$/));
	shown.readiness.push(await readiness());
}

async function reload(tab, shown) {
	await tab.getByRole("button", { name: "Reload" }).click();
	await tab.locator("#reload-result.good, #reload-result.bad").waitFor();
	shown.reload = await tab.locator("#reload-result").innerText();
	shown.reloaded = await tab.locator("#reload-keys").innerText();
}

// look is what one does who only looks.
async function look(tab) {
	const shown = { states: [await open(tab)], overflow: [] };
	shown.plots = await measured(tab, 3);
	await tab.locator("#list tbody tr").first().waitFor();
	shown.overflow.push(await overflow(tab));
	await shoot(tab, "overview");
	await tab.getByRole("button", { name: /^Details/ }).first().click();
	await tab.locator("#details").waitFor();
	shown.overflow.push(await tab.locator("#details").evaluate((d) => d.scrollWidth - d.clientWidth), await overflow(tab));
	await shoot(tab, "details", false);
	shown.unnamed = await unnamed(tab);
	shown.ground = await ground(tab);
	return shown;
}

// keyboardOnly reads a plot and ends an allocation with keys.
async function keyboardOnly(tab) {
	const opened = Date.now();
	await open(tab);
	await measured(tab, 4);
	await tab.locator("#list tbody tr").first().waitFor();
	const shown = { steps: [], read: [] };
	const to = async (wanted, key, most) => {
		await tabTo(tab, wanted, key, most);
		shown.steps.push(wanted);
	};
	const press = (key) => tab.keyboard.press(key);
	const then = async () => shown.steps.push(`then ${await focused(tab)}`);
	const read = async () => shown.read.push(await tab.evaluate(() => document.activeElement.getAttribute("aria-valuetext")));
	await to("Relayed data");
	await press("ArrowLeft");
	await read();
	await press("Home");
	await read();
	// The oldest that is shown was before the page.
	shown.remembered = (opened - Date.now()) / 1000 - await tab.evaluate(() => Number(document.activeElement.ariaValueNow));
	await shoot(tab, "plot", false);
	shown.marks = await tab.locator(".plot:visible .mark").evaluateAll((m) => m.map((e) => e.getAttribute("visibility")));
	await press("End");
	await read();
	await to("subject");
	await tab.keyboard.type("user-07");
	await press("Enter");
	await tab.locator("#list-result", { hasText: "1 found" }).waitFor();
	const name = await tab.getByRole("button", { name: /^End: user-07/ }).getAttribute("aria-label");
	await tabTo(tab, name);
	await press("Enter");
	await then();
	await press("Escape");
	shown.steps.push(`then ${await focused(tab) === name ? "End" : await focused(tab)}`);
	await press("Enter");
	await to("confirm-yes", "Shift+Tab");
	await press("Enter");
	await tab.locator("#list-result", { hasText: "is ended" }).waitFor();
	await tab.locator("#list tbody tr").waitFor({ state: "detached" });
	await then();
	await to("drain", "Shift+Tab");
	await press("Space");
	await then();
	await press("Escape");
	await then();
	return shown;
}

// withToken gives a wrong token, then the right one, and comes back.
async function withToken(tab) {
	await tab.goto(page);
	await state(tab, "Locked");
	const field = tab.getByLabel("Operator’s token");
	await shoot(tab, "locked");
	await field.fill("this is not the token");
	await tab.getByRole("button", { name: "Open" }).click();
	await tab.locator("#access-result.bad", { hasText: "✗" }).waitFor();
	const shown = { sentences: [await tab.locator("#access-result").innerText()], states: [], steps: [await focused(tab)] };
	await field.fill(token);
	await tab.keyboard.press("Enter");
	shown.states.push(await state(tab, "Ready"));
	await tab.reload();
	shown.states.push(await state(tab, "Ready"));
	shown.kept = await tab.evaluate(() => ({ session: sessionStorage.length, local: localStorage.length, cookies: document.cookie }));
	shown.address = tab.url();
	const other = await tab.context().newPage();
	await other.goto(page);
	shown.states.push(await state(other, "Locked"));
	return shown;
}

// brokenFile reloads a configuration that has a mistake.
async function brokenFile(tab) {
	await tab.goto(page);
	const shown = { states: [await state(tab, "Degraded")] };
	shown.sentences = await tab.locator("#reasons li").allInnerTexts();
	await reload(tab, shown);
	await shoot(tab, "end", false);
	return shown;
}

// silence has the relay not answer for a while.
async function silence(tab) {
	const shown = { states: [await open(tab)] };
	await measured(tab, 3);
	await tab.route("**/v1/**", (route) => route.abort());
	shown.states.push(await state(tab, "No answer since"));
	await shoot(tab, "silent", false);
	await tab.unroute("**/v1/**");
	shown.states.push(await state(tab, /^(Ready|Degraded)$/));
	// The curve is in two pieces then.
	await tab.waitForFunction(() => document.querySelector("[data-plot=bits] .curve").getAttribute("d").split("M").length === 3);
	return shown;
}

// words has the page's own functions answer.
async function words(tab) {
	await open(tab);
	return tab.evaluate(async () => {
		const [w, { top }, { quantile }, { setClock, now }] = await Promise.all(["words", "scale", "latency", "clock"].map((name) => import(`/page/${name}.js`)));
		const histogram = (...counts) => ({ buckets: counts.map((count, i) => ({ le: [0.001, 0.01, 0.1, "+Inf"][i], count })) });
		setClock(new Date(Date.now() + 3600e3).toISOString());
		const ahead = Math.round((now() - Date.now()) / 60e3);
		return {
			sentences: [
				w.bitsInWords(0), w.bitsInWords(999), w.bitsInWords(999.96), w.bitsInWords(1234567), w.packetsInWords(0.05), w.packetsInWords(12345), w.packetsInWords(50), w.bytesInWords(2.5e9),
				w.secondsInWords(0.00012), w.secondsInWords(0.0345), w.secondsInWords(2), w.durationInWords(0), w.durationInWords(59.7), w.durationInWords(3700), w.durationInWords(90000), w.durationInWords(3605), w.dropInWords("not_stun"), w.dropInWords("some_new_reason"),
			],
			numbers: [
				top(1), top(1.01), top(3), top(4.5), top(6), top(9), top(1000), top(0.00011), top(4.5, true), top(45, true),
				quantile(0.5, undefined, histogram(0, 100, 100, 100)), quantile(0.5, histogram(100, 100, 100, 100), histogram(100, 100, 200, 200)),
				quantile(0.99, undefined, histogram(0, 0, 0, 10)), quantile(0.5, histogram(5, 5, 5, 5), histogram(5, 5, 5, 5)) ?? -1, ahead,
			],
		};
	});
}

console.log(JSON.stringify(await scenarios[scenario]()));
