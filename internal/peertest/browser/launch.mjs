// The browser of the tests. Its profile is a temporary folder, which is removed.
import { chromium } from "playwright-core";

// launch starts Chromium with more arguments.
export const launch = (executablePath, ...more) => chromium.launch({
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
		...more,
	],
});
