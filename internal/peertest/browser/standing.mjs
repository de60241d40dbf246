// Has a page in Chromium call, and go on with its calls.
//
//	node standing.mjs CHROMIUM PAGE [ARGUMENT...]
//
// Each line of the input is a JSON array, a function of standing.js and its argument;
// each is answered with a line of JSON. The end of the input ends the browser. Each
// ARGUMENT is the browser's.
import { createInterface } from "node:readline";
import { launch } from "./launch.mjs";

const [executablePath, page, ...more] = process.argv.slice(2);
const browser = await launch(executablePath, "--use-fake-ui-for-media-stream", ...more);
try {
	const tab = await browser.newPage();
	tab.on("pageerror", (error) => console.error(error));
	await tab.goto(page);
	for await (const line of createInterface({ input: process.stdin })) {
		const [name, argument] = JSON.parse(line);
		console.log(JSON.stringify(await tab.evaluate(([n, a]) => ({ begin, check, end })[n](a), [name, argument])));
	}
} finally {
	await browser.close();
}
