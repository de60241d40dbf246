//go:build race

package stun

// raceEnabled: the race detector makes sync.Pool forget at random, so that
// counting allocations says nothing.
const raceEnabled = true
