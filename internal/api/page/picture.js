// Something to send: the camera, or a picture that this page draws.

const width = 320, height = 240, rate = 20; // pixels, frames per second

// camera asks the person for the camera. It throws an Error with a sentence to show.
export async function camera() {
	if (!navigator.mediaDevices) throw new Error("The browser gives the camera only to pages by HTTPS or on this very computer.");
	try {
		return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
	} catch (e) {
		if (e.name === "NotAllowedError") throw new Error("The camera was not allowed.");
		if (e.name === "NotFoundError") throw new Error("There is no camera.");
		throw new Error("The camera is in use elsewhere or does not work.");
	}
}

// drawn is a train that takes the turnout, and a clock, drawn until the stream's track ends.
export function drawn() {
	const canvas = document.createElement("canvas");
	canvas.width = width;
	canvas.height = height;
	const pen = canvas.getContext("2d");
	const begun = performance.now();
	const draw = () => scene(pen, (performance.now() - begun) / 1000);
	draw();
	const stream = canvas.captureStream(rate);
	const [track] = stream.getVideoTracks();
	// Animation frames stop in a tab that nobody looks at; a timer only slows down.
	const timer = setInterval(() => (track.readyState === "ended" ? clearInterval(timer) : draw()), 1000 / rate);
	return stream;
}

// The branch leaves the straight track at a third of the way: y at x.
function branch(x) {
	const t = Math.min(1, Math.max(0, (x - width / 3) / (width / 3)));
	return 165 - 70 * t * t * (3 - 2 * t);
}

function scene(pen, seconds) {
	pen.fillStyle = "#10312f";
	pen.fillRect(0, 0, width, height);
	pen.lineWidth = 5;
	line(pen, "#4d7370", () => 165);
	line(pen, "#ffd28a", branch);
	pen.fillStyle = "#ffffff";
	const head = ((seconds * 90) % (width + 120)) - 10;
	for (let car = 0; car < 3; car++) {
		const x = head - car * 34;
		pen.save();
		pen.translate(x, branch(x));
		pen.rotate(Math.atan2(branch(x + 4) - branch(x - 4), 8));
		pen.fillRect(-14, -22, 28, 18);
		pen.restore();
	}
	pen.font = "600 26px ui-monospace, monospace";
	pen.fillText(`${seconds.toFixed(1)} s`, 16, 40);
}

function line(pen, colour, y) {
	pen.strokeStyle = colour;
	pen.beginPath();
	for (let x = 0; x <= width; x += 8) pen.lineTo(x, y(x));
	pen.stroke();
}
