// The upper end of a scale.

// top is the smallest of 1, 2, 4, 5, 8 and 10 times a power of ten that is not below
// value: half of it is a round number too, and a whole one where only whole numbers are
// counted.
export function top(value, whole = false) {
	const power = 10 ** Math.floor(Math.log10(value));
	return power * [1, 2, 4, 5, 8, 10].find((n) => n * power >= value * (1 - 1e-9) && !(whole && n * power % 2));
}
