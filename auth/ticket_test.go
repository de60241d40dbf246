package auth

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestTicket(t *testing.T) {
	t.Parallel()
	tickets, other := NewTickets([32]byte{1}), NewTickets([32]byte{2})
	var st, st2 TicketState
	seen := map[string]bool{}
	text := regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`)
	for value := range uint64(1000) {
		ticket := tickets.Append(&st, nil, value)
		if !text.Match(ticket) || len(ticket) != TicketSize || seen[string(ticket)] {
			t.Fatalf("ticket %q", ticket)
		}
		seen[string(ticket)] = true
		if got, err := tickets.Open(&st2, ticket); got != value || err != nil {
			t.Errorf("value %d, %v; want %d", got, err, value)
		}
		if again := tickets.Append(&st2, nil, value); !bytes.Equal(again, ticket) {
			t.Errorf("%d: another ticket of the same value", value)
		}
		if _, err := other.Open(&st, ticket); err != ErrTicket {
			t.Errorf("opened with another key: %v", err)
		}
	}
}

// RFC 8016 §5: neighbouring values have nothing in common that could be seen.
func TestTicketIsNoise(t *testing.T) {
	t.Parallel()
	tickets := NewTickets([32]byte{1})
	var st TicketState
	var same, total int
	last := tickets.Append(&st, nil, 0)
	for value := uint64(1); value <= 4000; value++ {
		ticket := tickets.Append(&st, nil, value)
		for i := range ticket {
			total++
			if ticket[i] == last[i] {
				same++
			}
		}
		last = ticket
	}
	// One letter in 64 is the same by chance; five standard deviations are 0.17 % of them.
	if share := float64(same) / float64(total); share < 1./64-.0018 || share > 1./64+.0018 {
		t.Errorf("%.4f of the letters of neighbouring tickets are the same", share)
	}
}

func TestForgedTicket(t *testing.T) {
	t.Parallel()
	tickets := NewTickets([32]byte{1})
	var st TicketState
	good := tickets.Append(&st, nil, 42)
	for i := range good {
		for _, c := range []byte("AZaz09-_\n=+/") {
			bad := bytes.Clone(good)
			if bad[i] == c {
				continue
			}
			bad[i] = c
			if v, err := tickets.Open(&st, bad); err != ErrTicket {
				t.Errorf("%q opens as %d", bad, v)
			}
		}
	}
	for _, bad := range []string{"", string(good[:31]), string(good) + "A", strings.Repeat("A", 32), strings.Repeat("\n", 32)} {
		if v, err := tickets.Open(&st, []byte(bad)); err != ErrTicket {
			t.Errorf("%q opens as %d", bad, v)
		}
	}
}

func TestTicketAllocations(t *testing.T) {
	tickets := NewTickets([32]byte{1})
	var st TicketState
	dst := make([]byte, 0, TicketSize)
	ticket := tickets.Append(&st, nil, 7)
	if n := testing.AllocsPerRun(100, func() {
		dst = tickets.Append(&st, dst[:0], 7)
		if _, err := tickets.Open(&st, ticket); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// No ticket opens but those that were made.
func FuzzTicket(f *testing.F) {
	tickets := NewTickets([32]byte{1})
	var st TicketState
	made := map[string]uint64{}
	for _, value := range []uint64{0, 1, 1 << 54, ^uint64(0)} {
		ticket := tickets.Append(&st, nil, value)
		made[string(ticket)] = value
		f.Add(ticket)
	}
	f.Fuzz(func(t *testing.T, ticket []byte) {
		var st TicketState
		got, err := tickets.Open(&st, ticket)
		if want, ok := made[string(ticket)]; ok != (err == nil) || ok && got != want {
			t.Errorf("%q opens as %d, %v", ticket, got, err)
		}
	})
}

func TestTicketsPrintNoKey(t *testing.T) {
	t.Parallel()
	tickets := NewTickets([32]byte{1})
	var st TicketState
	tickets.Append(&st, nil, 1)
	for _, text := range []string{fmt.Sprintf("%+v %#v %x", *tickets, tickets, *tickets), fmt.Sprintf("%+v", &st)} {
		if len(text) > 60 {
			t.Errorf("printed: %s", text)
		}
	}
}
