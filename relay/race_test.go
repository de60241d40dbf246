//go:build race

package relay

// raceEnabled: the race detector allocates on its own.
const raceEnabled = true
