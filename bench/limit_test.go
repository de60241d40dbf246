package bench

import (
	"strings"
	"testing"
)

func TestDescriptorLimit(t *testing.T) {
	t.Parallel()
	const text = "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             1                    2                    processes \n" +
		"Max open files            1024                 20000                files     \n"
	if got := parseDescriptorLimit(text); got != 20000 {
		t.Errorf("got %d, want 20000", got)
	}
	if got := parseDescriptorLimit(strings.ReplaceAll(text, "20000", "unlimited")); got != 0 {
		t.Errorf("unlimited is %d, want 0", got)
	}
}

func TestCheckDescriptors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flows     int
		transport Transport
		spread    bool
		limit     int
		refused   bool
	}{
		{16000, UDP, true, 20000, false},
		{20000, UDP, true, 20000, true}, // the server's relay sockets
		{19872, UDP, true, 20000, false},
		{19873, UDP, false, 20000, true}, // the generator's too
		{10000, TCP, true, 20000, true},  // a connection and a relay socket each
		{10000, TLS, true, 20000, true},
		{9000, TCP, true, 20000, false},
		{60000, UDP, true, 0, false},
	} {
		s := Scenario{Name: "x", Flows: c.flows, Transport: c.transport}
		if err := CheckDescriptors(s, c.spread, c.limit); (err != nil) != c.refused {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		processors []int
		workers    int
		want       Layout
	}{
		{[]int{0}, 1, Layout{Shared: true}},
		{[]int{0, 1}, 1, Layout{Server: []int{0}, Generator: []int{1}}},
		{[]int{0, 1}, 2, Layout{Server: []int{0, 1}, Generator: []int{1}, Shared: true}},
		{[]int{4, 5, 6, 7}, 2, Layout{Server: []int{4, 5}, Generator: []int{6, 7}}},
		{nil, 1, Layout{Shared: true}},
	} {
		if got := NewLayout(c.processors, c.workers); !equalLayout(got, c.want) {
			t.Errorf("%v, %d workers: got %+v, want %+v", c.processors, c.workers, got, c.want)
		}
	}
}
