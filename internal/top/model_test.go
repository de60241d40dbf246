package top

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// statusAt is the answer so many seconds after the start, of a relay that counts one more of everything each second.
func statusAt(seconds int) Status {
	n := float64(seconds)
	s := Status{
		Version: "v1.2.3", State: "ok", Started: noon, Now: noon.Add(time.Duration(seconds) * time.Second),
		Allocations: 3, AllocationsByTransport: map[string]int{"udp": 2, "tls": 1, "tcp": 0}, AllocationsTotal: uint64(seconds),
		Drops:           map[string]uint64{"no_permission": uint64(seconds), "not_stun": 7, "send_buffer": uint64(12 * seconds)},
		Authentications: map[string]uint64{"ok": uint64(5 * seconds), "challenged": uint64(seconds), "wrong_password": uint64(2 * seconds)},
		Connections:     1, Workers: 2,
	}
	s.Relayed.FromClients, s.Relayed.ToPeers = Traffic{1000 * n, 125_000 * n}, Traffic{999 * n, 124_000 * n}
	s.Relayed.FromPeers, s.Relayed.ToClients = Traffic{10 * n, 1250 * n}, Traffic{9 * n, 1249 * n}
	s.Ports.Used, s.Ports.All = 3, 16384
	return s
}

func listOf(n int) (l List) {
	for i := range n {
		a := Allocation{
			ID: fmt.Sprint("id", i), Subject: fmt.Sprint("user ", i), Transport: "udp", Protocol: "udp", Client: fmt.Sprintf("198.51.100.%d:4000", i),
			Relayed: []string{"192.0.2.1:50000", "[2001:db8::1]:50000"}, Created: noon, Expires: noon.Add(10 * time.Minute), Permissions: 2, Channels: 1,
			ToClient: Traffic{1, 2_500_000},
		}
		a.Rate.FromClient.Bytes = 1000 * float64(n-i)
		l.Allocations = append(l.Allocations, a)
	}
	l.Total, l.Interval = n, 1
	return l
}

// looking is a model with two answers.
func looking(rows int) *Model {
	m := &Model{Where: "127.0.0.1:9478", Order: "rate"}
	m.Answered(statusAt(100), listOf(rows), nil, noon)
	m.Answered(statusAt(102), listOf(rows), nil, noon)
	return m
}

// TestKeys presses keys, and looks at what the model makes of them.
func TestKeys(t *testing.T) {
	t.Parallel()
	const shown = 4
	m := looking(10)
	first := func() string { return m.rows(shown)[0].ID }
	for i, step := range []struct {
		key                   Key
		ask                   bool
		order, text, selected string
		first                 string
	}{
		{key: KeyUp, order: "rate", selected: "id3", first: "id0"},
		{key: KeyDown, order: "rate", selected: "id3", first: "id0"},
		{key: KeyUp, order: "rate", selected: "id2", first: "id0"},
		{key: 'k', order: "rate", selected: "id1", first: "id0"},
		{key: 'j', order: "rate", selected: "id2", first: "id0"},
		{key: 'n', ask: true, order: "rate", first: "id4"},
		{key: KeyPageDown, ask: true, order: "rate", first: "id8"},
		{key: ' ', order: "rate", first: "id8"},
		{key: KeyDown, order: "rate", selected: "id8", first: "id8"},
		{key: KeyDown, order: "rate", selected: "id9", first: "id8"},
		{key: KeyDown, order: "rate", selected: "id9", first: "id8"},
		{key: KeyPageUp, order: "rate", first: "id4"},
		{key: 'b', order: "rate", first: "id0"},
		{key: 'p', order: "rate", first: "id0"},
		{key: 's', ask: true, order: "bytes", first: "id0"},
		{key: 's', ask: true, order: "created", first: "id0"},
		{key: 's', ask: true, order: "subject", first: "id0"},
		{key: 's', ask: true, order: "rate", first: "id0"},
		{key: 'n', ask: true, order: "rate", first: "id4"},
		{key: '/', order: "rate", first: "id4"},
		{key: 'q', ask: true, order: "rate", text: "q", first: "id0"},
		{key: 'ü', ask: true, order: "rate", text: "qü", first: "id0"},
		{key: KeyDown, ask: true, order: "rate", text: "qü", first: "id0"},
		{key: KeyBackspace, ask: true, order: "rate", text: "q", first: "id0"},
		{key: KeyBackspace, ask: true, order: "rate", first: "id0"},
		{key: KeyBackspace, ask: true, order: "rate", first: "id0"},
		{key: 'b', ask: true, order: "rate", text: "b", first: "id0"},
		{key: KeyEnter, ask: true, order: "rate", text: "b", first: "id0"},
		{key: 'j', order: "rate", text: "b", selected: "id0", first: "id0"},
		{key: KeyEscape, ask: true, order: "rate", selected: "id0", first: "id0"},
		{key: 'z', order: "rate", selected: "id0", first: "id0"},
	} {
		got := m.Press(step.key, shown)
		if got.Quit || got.End != nil || got.Ask != step.ask || m.Order != step.order || m.Text != step.text || m.selected != step.selected || first() != step.first {
			t.Errorf("step %d: %+v, order %s, text %q, selected %q, first %s; want %+v", i, got, m.Order, m.Text, m.selected, first(), step)
		}
	}
	for _, k := range []Key{'q', KeyInterrupt} {
		if !m.Press(k, shown).Quit {
			t.Errorf("%v does not quit", k)
		}
	}
	m.typing = true
	if !m.Press(KeyInterrupt, shown).Quit {
		t.Error("Ctrl-C is part of the text")
	}
}

// TestEndIsConfirmed asks to end one, and answers.
func TestEndIsConfirmed(t *testing.T) {
	t.Parallel()
	m := looking(3)
	if got := m.Press('e', 3); got.End != nil || !strings.Contains(m.foot(80, Style{}), "Choose an allocation") {
		t.Errorf("without one: %+v, %s", got, m.foot(80, Style{}))
	}
	m.Press(KeyDown, 3)
	for _, no := range []Key{'n', 'e', KeyEnter, KeyEscape, ' '} {
		m.Press('e', 3)
		if foot := m.foot(80, Style{}); !strings.Contains(foot, "End the allocation of user 0 from 198.51.100.0:4000?") {
			t.Errorf("it asks: %s", foot)
		}
		if got := m.Press(no, 3); got.End != nil || got.Quit || m.foot(80, Style{}) != "Not ended." {
			t.Errorf("answered %v: %+v, %s", no, got, m.foot(80, Style{}))
		}
	}
	m.Press('e', 3)
	m.Answered(statusAt(103), List{}, nil, noon) // what was chosen is gone meanwhile; the question was about that one
	got := m.Press('y', 3)
	if got.End == nil || got.End.ID != "id0" {
		t.Errorf("answered y: %+v", got)
	}
	m.Ended(got.End, nil)
	if foot := m.foot(80, Style{}); foot != "Ended: user 0, 198.51.100.0:4000" {
		t.Errorf("it says %s", foot)
	}
	m.Ended(got.End, ErrEnded)
	if foot := m.foot(80, Style{}); foot != "Not ended: it has ended already" {
		t.Errorf("it says %s", foot)
	}
}

// TestRates compares answers, also those of a process that was started anew, and of the same moment.
func TestRates(t *testing.T) {
	t.Parallel()
	m := &Model{Order: "rate"}
	rate := func() float64 {
		return m.perSecond(func(s *Status) float64 { return s.Relayed.FromClients.Packets })
	}
	m.Answered(statusAt(100), List{}, nil, noon)
	if got := rate(); got != 0 {
		t.Errorf("of one answer: %v", got)
	}
	m.Answered(statusAt(102), List{}, nil, noon)
	if got := rate(); got != 1000 {
		t.Errorf("of two: %v", got)
	}
	m.Answered(Status{}, List{}, errors.New("gone"), noon)
	m.Answered(statusAt(110), List{}, nil, noon)
	if got := rate(); got != 1000 {
		t.Errorf("after a fault: %v", got)
	}
	m.Answered(statusAt(110), List{}, nil, noon)
	if got := rate(); got != 0 {
		t.Errorf("of the same moment: %v", got)
	}
	again := statusAt(3)
	again.Started = noon.Add(time.Hour)
	m.Answered(again, List{}, nil, noon)
	if got := rate(); got != 0 {
		t.Errorf("of another process: %v", got)
	}
}

// TestLastPage tells that there are more allocations than pages, and not where there are none.
func TestLastPage(t *testing.T) {
	t.Parallel()
	const shown = 15
	for _, next := range []string{"", "a cursor"} {
		m := Model{Order: Orders[0], page: mostRows/shown - 1}
		l := listOf(mostRows / shown * shown)
		l.Next = next
		m.Answered(statusAt(1), l, nil, noon)
		if did := m.Press('n', shown); did.Ask || m.page != mostRows/shown-1 || (m.said != "") != (next != "") {
			t.Errorf("next %q: %+v on page %d, %q", next, did, m.page, m.said)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	m := looking(3)
	if got := m.Limit(15); got != 16 {
		t.Errorf("of the first page: %d", got)
	}
	m.page = 2
	if got := m.Limit(15); got != 46 {
		t.Errorf("of the third: %d", got)
	}
	m.page = 1000
	if got := m.Limit(15); got != mostRows {
		t.Errorf("of the last: %d", got)
	}
}
