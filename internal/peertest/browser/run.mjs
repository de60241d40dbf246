// Opens a page in Chromium, has it call, and prints the outcome as one line of JSON.
//
//	node run.mjs CHROMIUM PAGE OPTIONS [ARGUMENT...]
//
// OPTIONS is the argument of call() in call.js, as JSON; each ARGUMENT is the browser's.
import { launch } from "./launch.mjs";

const [executablePath, page, options, ...more] = process.argv.slice(2);
const browser = await launch(executablePath, "--use-fake-ui-for-media-stream", ...more);
try {
	const tab = await browser.newPage();
	tab.on("pageerror", (error) => console.error(error));
	await tab.goto(page);
	console.log(JSON.stringify(await tab.evaluate((o) => call(o), JSON.parse(options))));
} finally {
	await browser.close();
}
