// Uses the service's test page in Chromium as a person would, and prints what it
// showed as one line of JSON.
//
//	node page.mjs CHROMIUM PAGE SCREENSHOTS SCENARIO < TOKEN
//
// PAGE is its address without a token. SCREENSHOTS is a folder, or "" for none.
import { text as read } from "node:stream/consumers";
import { focused, ground, overflow, phone, tabTo, unnamed, visit } from "./visit.mjs";

const [executablePath, page, screenshots, scenario] = process.argv.slice(2);
const token = (await read(process.stdin)).trim();

const scenarios = {
	light: () => visit(executablePath, {}, (tab) => everything(tab, "udp", "tcp")),
	dark: () => visit(executablePath, { colorScheme: "dark" }, (tab) => everything(tab, "tcp")),
	phone: () => visit(executablePath, phone, (tab) => everything(tab, "udp")),
	"wrong token": () => visit(executablePath, {}, wrongToken),
	"refused credential": () => visit(executablePath, {}, refusedCredential),
	quota: () => visit(executablePath, {}, quota),
	keyboard: () => visit(executablePath, {}, keyboardOnly),
	"camera allowed": () => visit(executablePath, { permissions: ["camera"] }, cameraCall),
	"camera refused": () => visit(executablePath, { permissions: [] }, cameraCall),
};

async function shoot(tab, name) {
	if (screenshots) await tab.screenshot({ path: `${screenshots}/${scenario.replace(" ", "-")}-${name}.png`, fullPage: true });
}

// settled waits until a status is good or bad, and gives its text.
async function settled(tab, id) {
	const status = tab.locator(`#${id}.good, #${id}.bad`);
	await status.waitFor();
	return status.innerText();
}

const open = (tab) => tab.goto(`${page}#token=${token}`);

const ways = (tab) => tab.locator(".way").evaluateAll((rows) => rows.map((row) => ({
	url: row.dataset.url,
	kind: row.className,
	verdict: row.querySelector(".verdict").innerText,
	candidates: [...row.querySelectorAll(".candidates b")].map((b) => b.innerText),
	problems: [...row.querySelectorAll(".problem")].map((p) => p.innerText),
})));

// everything follows the page's token through all three steps, with a call by each of the transports.
async function everything(tab, ...transports) {
	await open(tab);
	const access = await settled(tab, "access-result");
	const result = await settled(tab, "ways-result");
	const shown = { access, result, ways: await ways(tab), address: tab.url(), overflow: [await overflow(tab)], calls: [] };
	await shoot(tab, "ways");
	for (const transport of transports) {
		const way = shown.ways.find((w) => w.url.startsWith("turn:") && w.url.endsWith(`transport=${transport}`));
		await tab.getByLabel("By way of").selectOption(way.url);
		await tab.getByRole("button", { name: "Start the call" }).click();
		shown.calls.push(await inCall(tab, transport));
		await shoot(tab, `call-${transport}`);
		shown.overflow.push(await overflow(tab));
		await tab.getByRole("button", { name: "End the call" }).click();
		await tab.locator("#live").waitFor({ state: "hidden" });
	}
	shown.unnamed = await unnamed(tab);
	shown.ground = await ground(tab);
	return shown;
}

// inCall says something and watches the call for some seconds.
async function inCall(tab, text) {
	const result = await settled(tab, "call-result");
	if (!result.startsWith("✓")) return { result, problems: await tab.locator("#call-errors").innerText() };
	await tab.getByLabel("Text to send").fill(text);
	await tab.getByRole("button", { name: "Send" }).click();
	await tab.locator(".chat .theirs").waitFor();
	// The third measurement is the first after which each plot has a stroke of several points.
	const moved = async (least) => tab.waitForFunction((n) => [...document.querySelectorAll(".plot .curve")]
		.every((c) => (c.getAttribute("d") ?? "").split("L").length > n), least);
	await moved(2);
	const early = await plots(tab);
	await moved(5);
	return {
		result,
		echo: await tab.locator(".chat .theirs").innerText(),
		path: await tab.locator("#path li[data-type]").evaluateAll((e) => e.map((li) => `${li.dataset.type} ${li.dataset.protocol}`.trim())),
		early,
		late: await plots(tab),
		...await tab.evaluate(() => {
			const v = document.getElementById("received");
			return { frames: v.getVideoPlaybackQuality().totalVideoFrames, width: v.videoWidth, height: v.videoHeight };
		}),
	};
}

const plots = (tab) => tab.locator(".plot").evaluateAll((all) => all.map((p) => ({
	title: p.querySelector("h3").innerText,
	value: p.querySelector(".value").innerText,
	label: p.querySelector("svg").getAttribute("aria-label"),
	curve: p.querySelector(".curve").getAttribute("d"),
})));

// wrongToken pastes tokens that are none.
async function wrongToken(tab) {
	await tab.goto(page);
	const shown = { sentences: [], overflow: [] };
	const changed = token.slice(0, -8) + (token.endsWith("AAAAAAAA") ? "BBBBBBBB" : "AAAAAAAA");
	for (const wrong of ["no token at all", "nonsense", changed]) {
		await tab.getByLabel("User token").fill(wrong);
		await tab.getByRole("button", { name: "Get credentials" }).click();
		await tab.locator("#access-result.bad").waitFor();
		shown.sentences.push(await settled(tab, "access-result"));
	}
	await shoot(tab, "end");
	shown.overflow.push(await overflow(tab));
	shown.codes = await tab.evaluate(async () => {
		const { errorInWords } = await import("/page/words.js");
		return [401, 403, 441, 486, 508, 701, 999].map((code) => errorInWords(code).meaning);
	});
	shown.disabled = await tab.getByRole("button", { name: "Start the call" }).isDisabled();
	return shown;
}

// refusedCredential has the relay see a wrong password, and adds an address at which nothing is.
async function refusedCredential(tab) {
	await tab.route("**/v1/ice-servers", async (route) => {
		const response = await route.fetch();
		const answer = await response.json();
		const relay = answer.iceServers.find((s) => s.credential);
		relay.credential = "wrong";
		relay.urls.push("turn:127.0.0.1:9?transport=tcp");
		await route.fulfill({ response, json: answer });
	});
	await open(tab);
	const result = await settled(tab, "ways-result");
	await tab.getByRole("button", { name: "Start the call" }).click();
	const call = await settled(tab, "call-result");
	const problems = await tab.locator("#call-errors").innerText();
	await shoot(tab, "end");
	return { result, ways: await ways(tab), calls: [{ result: call, problems }], overflow: [await overflow(tab)] };
}

// quota makes a call that needs two relayed addresses where a user may have one.
async function quota(tab) {
	await tab.goto(page);
	await tab.getByLabel("User token").fill(token);
	await tab.getByRole("button", { name: "Get credentials" }).click();
	const result = await settled(tab, "ways-result");
	await tab.getByRole("button", { name: "Start the call" }).click();
	const call = await settled(tab, "call-result");
	const problems = await tab.locator("#call-errors").innerText();
	await shoot(tab, "end");
	return { result, ways: await ways(tab), calls: [{ result: call, problems }] };
}

// keyboardOnly does all with keys, and finds its way by what has the focus.
async function keyboardOnly(tab) {
	await tab.goto(page);
	const steps = [];
	const to = async (wanted, key) => {
		await tabTo(tab, wanted, key);
		steps.push(wanted);
	};
	await to("token");
	await tab.keyboard.insertText(token);
	await tab.keyboard.press("Enter");
	const result = await settled(tab, "ways-result");
	await to("drawn");
	await to("way");
	await tab.keyboard.press("ArrowDown");
	await to("start");
	await tab.keyboard.press("Enter");
	const call = await settled(tab, "call-result");
	steps.push(`then ${await focused(tab)}`);
	await to("text");
	await tab.keyboard.type("by keys");
	await tab.keyboard.press("Enter");
	const echo = await tab.locator(".chat .theirs").innerText();
	await to("stop", "Shift+Tab");
	await shoot(tab, "focus");
	await tab.keyboard.press("Space");
	await tab.locator("#live").waitFor({ state: "hidden" });
	steps.push(`then ${await focused(tab)}`);
	return { result, steps, calls: [{ result: call, echo }] };
}

// cameraCall asks for the camera, which the browser allows or not.
async function cameraCall(tab) {
	await open(tab);
	await settled(tab, "ways-result");
	await tab.getByLabel("Your camera").check();
	await tab.getByRole("button", { name: "Start the call" }).click();
	const call = await inCall(tab, "camera");
	await shoot(tab, "end");
	// A relay that is told to stop waits for calls that nobody has ended.
	await tab.getByRole("button", { name: "End the call" }).click();
	await tab.locator("#live").waitFor({ state: "hidden" });
	return { calls: [call] };
}

console.log(JSON.stringify(await scenarios[scenario]()));
