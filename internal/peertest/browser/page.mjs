// Uses the service's test page in Chromium as a person would, and prints what it
// showed as one line of JSON.
//
//	node page.mjs CHROMIUM PAGE SCREENSHOTS SCENARIO < TOKEN
//
// PAGE is its address without a token. SCREENSHOTS is a folder, or "" for none. The
// browser's profile is a temporary folder, which is removed.
import { chromium } from "playwright-core";
import { text as read } from "node:stream/consumers";

const [executablePath, page, screenshots, scenario] = process.argv.slice(2);
const token = (await read(process.stdin)).trim();
const patience = 40_000; // ms

const scenarios = {
	light: () => visit({}, (tab) => everything(tab, "udp", "tcp")),
	dark: () => visit({ colorScheme: "dark" }, (tab) => everything(tab, "tcp")),
	phone: () => visit({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }, (tab) => everything(tab, "udp")),
	"wrong token": () => visit({}, wrongToken),
	"refused credential": () => visit({}, refusedCredential),
	quota: () => visit({}, quota),
	keyboard: () => visit({}, keyboardOnly),
	"camera allowed": () => visit({ permissions: ["camera"] }, cameraCall),
	"camera refused": () => visit({ permissions: [] }, cameraCall),
};

// visit runs one scenario in a browser of its own and adds what every page must not do.
async function visit(options, run) {
	const browser = await chromium.launch({
		executablePath,
		headless: true,
		args: [
			"--no-sandbox", // the tests may run as root
			"--disable-gpu",
			"--disable-quic",
			"--no-first-run",
			"--disable-background-networking",
			"--disable-component-update",
			"--disable-sync",
			"--allow-loopback-in-peer-connection", // else no candidate is gathered on a machine without a network
			"--use-fake-device-for-media-stream",
		],
	});
	try {
		const context = await browser.newContext({ viewport: { width: 900, height: 1000 }, reducedMotion: "reduce", ...options });
		const tab = await context.newPage();
		tab.setDefaultTimeout(patience);
		const complaints = [], requests = [];
		tab.on("pageerror", (e) => complaints.push(String(e)));
		tab.on("console", (m) => ["error", "warning"].includes(m.type()) && complaints.push(m.text()));
		tab.on("request", (r) => requests.push(r.url()));
		const shown = await run(tab);
		return { ...shown, complaints, requests };
	} finally {
		await browser.close();
	}
}

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

// overflow is by how many pixels the page is wider than the window it was given: a
// phone would make its own measure larger to fit the page.
const overflow = async (tab) => await tab.evaluate(() => document.documentElement.scrollWidth) - tab.viewportSize().width;

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
	// What has no name can be neither heard nor asked for by a screen reader.
	shown.unnamed = await tab.evaluate(() => [...document.querySelectorAll("input, select, button, video, svg, ol, section, summary")]
		.filter((e) => !(e.ariaLabel || e.getAttribute("aria-labelledby") || e.labels?.length || e.innerText)).map((e) => e.outerHTML));
	shown.ground = await tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
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
	const name = () => tab.evaluate(() => document.activeElement.id || document.activeElement.value || document.activeElement.innerText);
	const steps = [];
	const tabTo = async (wanted, key = "Tab") => {
		for (let presses = 0; await name() !== wanted; presses++) {
			if (presses === 30) throw new Error(`the Tab key does not lead to ${wanted}`);
			await tab.keyboard.press(key);
			const outline = await tab.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
			if (outline === "none" && await name()) throw new Error(`${await name()} does not show that it has the focus`);
		}
		steps.push(wanted);
	};
	await tabTo("token");
	await tab.keyboard.insertText(token);
	await tab.keyboard.press("Enter");
	const result = await settled(tab, "ways-result");
	await tabTo("drawn");
	await tabTo("way");
	await tab.keyboard.press("ArrowDown");
	await tabTo("start");
	await tab.keyboard.press("Enter");
	const call = await settled(tab, "call-result");
	steps.push(`then ${await name()}`);
	await tabTo("text");
	await tab.keyboard.type("by keys");
	await tab.keyboard.press("Enter");
	const echo = await tab.locator(".chat .theirs").innerText();
	await tabTo("stop", "Shift+Tab");
	await shoot(tab, "focus");
	await tab.keyboard.press("Space");
	await tab.locator("#live").waitFor({ state: "hidden" });
	steps.push(`then ${await name()}`);
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
