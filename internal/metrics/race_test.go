//go:build race

package metrics

// raceEnabled: the race detector takes several times as long.
const raceEnabled = true
