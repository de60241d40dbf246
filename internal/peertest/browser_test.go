package peertest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// An outcome is what browser/call.js returns.
type outcome struct {
	Failure       string
	Errors        []string // of gathering candidates
	Echoed        int
	FramesDecoded int
	FrameWidth    int
	FrameHeight   int
	Pairs         []candidatePair
}

// A candidatePair is the one in use on one side of the call.
type candidatePair struct{ Local, Remote, RelayProtocol string }

// TestBrowserCall has two peers in Chromium talk through the relay alone: text
// that comes back and video that is decoded, over each transport.
func TestBrowserCall(t *testing.T) {
	peers(t)
	s := start(t)
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			browserCall(t, "turn:"+s.address()+"?transport="+transport, transport)
		})
	}
}

// browserCall has two peers talk through the relay at url, as the static user.
func browserCall(t *testing.T, url, transport string, arguments ...string) {
	t.Helper()
	relayedCall(t, []map[string]any{{"urls": []string{url}, "username": user, "credential": password}}, []string{transport}, arguments...)
}

// relayedCall has two peers talk through the relay of iceServers, and wants everything
// back. Transports are what the browser calls those that it may use: where servers name several, each
// end takes what answers first.
func relayedCall(t *testing.T, iceServers []map[string]any, transports []string, arguments ...string) {
	t.Helper()
	page := httptest.NewServer(http.FileServer(http.Dir("browser")))
	defer page.Close()
	const messages, frames = 200, 30
	options, err := json.Marshal(map[string]any{
		"iceServers": iceServers, "messages": messages, "frames": frames,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got outcome
	runScript(t, "run.mjs", "", &got, append([]string{page.URL + "/page.html", string(options)}, arguments...)...)
	t.Logf("candidate pairs: %+v; %d of %d messages; %d frames of %dx%d", got.Pairs, got.Echoed, messages, got.FramesDecoded, got.FrameWidth, got.FrameHeight)
	if got.Failure != "" {
		t.Fatalf("%s; errors of gathering: %q", got.Failure, got.Errors)
	}
	if len(got.Pairs) != 2 {
		t.Errorf("%d candidate pairs in use, want one on each side", len(got.Pairs))
	}
	for _, pair := range got.Pairs {
		if pair.Local != "relay" || pair.Remote != "relay" || !slices.Contains(transports, pair.RelayProtocol) {
			t.Errorf("candidate pair in use: %+v, want relay on both sides, by one of %q", pair, transports)
		}
	}
	if got.Echoed != messages {
		t.Errorf("%d of %d messages came back", got.Echoed, messages)
	}
	if got.FramesDecoded < frames || got.FrameWidth != 320 || got.FrameHeight != 240 {
		t.Errorf("decoded %d frames of %dx%d, want %d of 320x240", got.FramesDecoded, got.FrameWidth, got.FrameHeight, frames)
	}
}
