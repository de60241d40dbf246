package admin

import (
	"testing"
	"time"

	"turnout/allocation"
)

// FuzzCursor reads any text as a cursor. What is one says the same when it is written again.
func FuzzCursor(f *testing.F) {
	last := &surveyed{}
	last.ID, last.Subject, last.Created = allocation.ID(1)<<32|1, "8:acs:a_b", time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)
	last.ToClient.Bytes, last.toClient.Bytes, last.fromClient.Bytes = 1<<63, 0.1, 1e300
	for order := range orders {
		f.Add(cursorOf(order, last))
	}
	for _, text := range []string{"", "e30", "0000000200000001", "bnVsbA", "W10"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		order, behind, err := parseCursor(text)
		if err != nil {
			if err != errCursor || behind != nil {
				t.Fatalf("%q: %v, %+v", text, err, behind)
			}
			return
		}
		again, same, err := parseCursor(cursorOf(order, behind))
		if err != nil || again != order || same.ID != behind.ID || orders[order](same, behind) != 0 {
			t.Fatalf("%q is %s behind %+v, and written again %s behind %+v, %v", text, order, behind, again, same, err)
		}
	})
}
