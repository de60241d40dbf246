//go:build race

package bench

// raceEnabled: the race detector allocates on its own.
const raceEnabled = true
