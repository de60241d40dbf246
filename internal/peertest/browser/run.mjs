// Opens a page in Chromium, has it call, and prints the outcome as one line of JSON.
//
//	node run.mjs CHROMIUM PAGE OPTIONS [ARGUMENT...]
//
// OPTIONS is the argument of call() in call.js, as JSON; each ARGUMENT is the browser's. The browser's profile is
// a temporary folder, which is removed.
import { chromium } from "playwright-core";

const [executablePath, page, options, ...more] = process.argv.slice(2);
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
		"--use-fake-ui-for-media-stream",
		...more,
	],
});
try {
	const tab = await browser.newPage();
	tab.on("pageerror", (error) => console.error(error));
	await tab.goto(page);
	console.log(JSON.stringify(await tab.evaluate((o) => call(o), JSON.parse(options))));
} finally {
	await browser.close();
}
