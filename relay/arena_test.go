package relay

import (
	"bytes"
	"testing"
)

// What was handed out stays as it is while more is handed out.
func TestArena(t *testing.T) {
	t.Parallel()
	var a arena
	for round := range 3 {
		var taken [][]byte
		for i := range 2000 {
			b := a.take(4 + i%90)
			for k := range b {
				b[k] = byte(i)
			}
			taken = append(taken, b)
		}
		for i, b := range taken {
			if len(b) != 4+i%90 || !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, len(b))) {
				t.Fatalf("round %d: bytes %d were overwritten", round, i)
			}
		}
		a.reset()
	}
	if big := a.take(3 * arenaChunk); len(big) != 3*arenaChunk {
		t.Errorf("a large piece has %d bytes", len(big))
	}
}

func TestArenaReusesItsChunks(t *testing.T) {
	var a arena
	a.take(arenaChunk)
	a.take(arenaChunk)
	a.reset()
	if n := testing.AllocsPerRun(100, func() {
		a.take(arenaChunk)
		a.keep(copy(a.space(100), "x"))
		a.take(arenaChunk - 100)
		a.reset()
	}); n > 0 {
		t.Errorf("%v allocations a round", n)
	}
}
