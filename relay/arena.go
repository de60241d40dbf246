package relay

// arenaChunk holds the headers of a round of 64 datagrams many times over; a
// larger round takes another chunk.
const arenaChunk = 16 << 10

// An arena hands out bytes for headers and answers until the end of the round.
// Its chunks never move, so that queued slices stay valid.
type arena struct {
	chunks [][]byte
	chunk  int // the one being used
	used   int // bytes of it
}

// space is at least n bytes of capacity, length 0. What is kept of it must be
// told by keep; the rest is handed out again.
func (a *arena) space(n int) []byte {
	for a.chunk < len(a.chunks) {
		if c := a.chunks[a.chunk]; len(c)-a.used >= n {
			return c[a.used:a.used:len(c)]
		}
		a.chunk++
		a.used = 0
	}
	a.chunks = append(a.chunks, make([]byte, max(n, arenaChunk)))
	return a.chunks[a.chunk][0:0]
}

// keep says that n bytes of the last space are in use until the round ends.
func (a *arena) keep(n int) { a.used += n }

// take is n bytes in use until the round ends.
func (a *arena) take(n int) []byte {
	b := a.space(n)[:n:n]
	a.keep(n)
	return b
}

// reset makes everything free again.
func (a *arena) reset() { a.chunk, a.used = 0, 0 }
