// Opens the service's page as it was printed, has it try the relay, and prints what it says as JSON.
//
// node service.mjs CHROMIUM ADDRESS
import { chromium } from "playwright-core";

const [executablePath, address] = process.argv.slice(2);
const browser = await chromium.launch({
	executablePath,
	headless: true,
	args: [
		"--no-sandbox", // the tests may run as root
		"--disable-gpu",
		"--no-first-run",
		"--disable-background-networking",
		"--allow-loopback-in-peer-connection", // else no candidate is gathered on a machine without a network
	],
});
try {
	const page = await browser.newPage();
	const asked = [], problems = [];
	page.on("request", r => asked.push(new URL(r.url()).origin));
	page.on("console", m => { if (m.type() === "error") problems.push(m.text()); });
	page.on("pageerror", e => problems.push(String(e)));
	await page.goto(address);
	await page.click("#start");
	await page.waitForSelector("#state.good, #state.bad", { timeout: 60000 });
	const state = await page.textContent("#state");
	const call = await page.textContent("#call");
	const urls = await page.$$eval("#urls tr", rows => rows.map(r => [...r.cells].slice(0, 2).map(c => c.textContent + (c.className ? ` (${c.className})` : ""))));
	await page.fill("#token", "not a token");
	await page.click("#start");
	await page.waitForSelector("#state.bad", { timeout: 10000 });
	console.log(JSON.stringify({ state, call, urls, problems, origins: [...new Set(asked)], refused: await page.textContent("#state") }));
} finally {
	await browser.close();
}
