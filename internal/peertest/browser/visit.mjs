// A visit of a page in a Chromium of its own.
import { launch } from "./launch.mjs";

const patience = 40_000; // ms

// visit has run use a tab, and gives what it returns with what every page must not do:
// errors and warnings of the browser (complaints), and all that was asked for (requests).
export async function visit(executablePath, options, run) {
	const browser = await launch(executablePath);
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

// phone are the options of a small one.
export const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

// overflow is by how many pixels the page is wider than the window it was given: a
// phone would make its own measure larger to fit the page.
export const overflow = async (tab) => await tab.evaluate(() => document.documentElement.scrollWidth) - tab.viewportSize().width;

// unnamed are the elements that can be neither heard nor asked for by a screen reader.
export const unnamed = (tab) => tab.evaluate(() => [...document.querySelectorAll("input, select, button, video, svg:not([aria-hidden]), ol, section, summary, [role=slider], dialog")]
	.filter((e) => e.checkVisibility() && !(e.ariaLabel || e.getAttribute("aria-labelledby") || e.labels?.length || e.textContent)).map((e) => e.outerHTML));

export const ground = (tab) => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);

// focused names what has the focus.
export const focused = (tab) => tab.evaluate(() => document.activeElement.id || document.activeElement.ariaLabel || document.activeElement.value || document.activeElement.innerText);

// tabTo presses a key until something has the focus, which must show all the way.
export async function tabTo(tab, wanted, key = "Tab", most = 30) {
	for (let presses = 0; await focused(tab) !== wanted; presses++) {
		if (presses === most) throw new Error(`the ${key} key does not lead to ${wanted}`);
		await tab.keyboard.press(key);
		const hidden = await tab.evaluate(() => document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle === "none");
		if (hidden) throw new Error(`${await focused(tab)} does not show that it has the focus`);
	}
}
