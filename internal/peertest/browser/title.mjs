// Opens a page in Chromium and prints its title when that tells of a relayed candidate.
//
//	node title.mjs CHROMIUM PAGE
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
	const tab = await browser.newPage();
	tab.on("pageerror", (error) => console.error(error));
	tab.on("console", (message) => console.error(message.text()));
	await tab.goto(address);
	await tab.waitForFunction(() => document.title.startsWith("relayed"), undefined, { timeout: 30000 });
	console.log(await tab.title());
} finally {
	await browser.close();
}
