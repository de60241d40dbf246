package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestDraw draws the charts that package bench makes in its own test, and wants every title, label and server in a picture
// that is well-formed.
func TestDraw(t *testing.T) {
	charts, err := os.Open("../../testdata/charts.json")
	if err != nil {
		t.Fatal(err)
	}
	defer charts.Close()
	var b strings.Builder
	if err := run(charts, &b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for text, times := range map[string]int{
		">Throughput against CPU<": 1, ">CPU for a relayed packet<": 1, ">Latency there and back, 1,000 calls<": 1, ">Memory of an allocation<": 1,
		">turnout<": 4, ">coturn<": 4, ">one flow 1200<": 2, ">99.9<": 1,
	} {
		if got := strings.Count(b.String(), text); got != times {
			t.Errorf("%s is there %d times, want %d", text, got, times)
		}
	}
}

func TestDrawRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":                "charts",
		"no charts":              "[]",
		"no such kind":           `[{"Title":"t","Kind":"pie","Series":[{"Name":"a","Y":[1]}]}]`,
		"too few labels":         `[{"Title":"t","Kind":"bars","Labels":["x"],"Series":[{"Name":"a","Y":[1,2]}]}]`,
		"too few X values":       `[{"Title":"t","Kind":"lines","Series":[{"Name":"a","X":[1],"Y":[1,2]}]}]`,
		"nothing on a log scale": `[{"Title":"t","Kind":"lines","LogY":true,"Series":[{"Name":"a","X":[1],"Y":[1],"Low":[0],"High":[1]}]}]`,
	} {
		if err := run(strings.NewReader(text), io.Discard); err == nil {
			t.Errorf("%s: nothing is wrong with it", name)
		}
	}
}
