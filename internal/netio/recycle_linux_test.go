package netio

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A descriptor that is closed is soon another socket's. These tests are not parallel: they need the same number twice.

// reopened closes s and opens a socket that has its descriptor.
func reopened(t *testing.T, p *poller, s *socket) *socket {
	t.Helper()
	fd := s.fd
	if err := p.Remove(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if next := linuxRelay(t, linuxLoopback4); next.fd == fd {
			return next
		}
	}
	t.Fatalf("descriptor %d was not used again", fd)
	return nil
}

func TestRecycledDescriptorBetweenTwoWaits(t *testing.T) {
	p, from := linuxPoller(t), linuxRelay(t, linuxLoopback4)
	const oldID, newID = 7<<32 | 1, 8<<32 | 1
	old := linuxRelay(t, linuxLoopback4)
	if err := p.Add(old, oldID); err != nil {
		t.Fatal(err)
	}
	sendOne(t, p, from, old, "for the old")
	if events, err := p.Wait(0); err != nil || len(events) != 1 || events[0] != (Event{ID: oldID, Readable: true}) {
		t.Fatalf("before: %+v, %v", events, err)
	}

	next := reopened(t, p, old)
	sendOne(t, p, from, next, "for the new")
	if events, err := p.Wait(0); err != nil || len(events) != 0 {
		t.Fatalf("before the new one is added: %+v, %v", events, err)
	}
	if err := p.Add(next, newID); err != nil {
		t.Fatal(err)
	}
	if events, err := p.Wait(0); err != nil || len(events) != 1 || events[0] != (Event{ID: newID, Readable: true}) {
		t.Fatalf("after: %+v, %v", events, err)
	}

	// The old socket's owner may still hold it: it reads and sends nothing of the new one's.
	if packets, err := p.Recv(old, 64); !errors.Is(err, net.ErrClosed) || len(packets) != 0 {
		t.Errorf("receive on the closed socket: %d packets, %v", len(packets), err)
	}
	if f := p.Send([]Out{{Socket: old, Dst: from.Local()}}); len(f) != 1 || !errors.Is(f[0].Err, net.ErrClosed) {
		t.Errorf("send on the closed socket: %+v", f)
	}
	if err := p.Add(old, oldID); !errors.Is(err, net.ErrClosed) {
		t.Errorf("add the closed socket: %v", err)
	}
	if err := p.Remove(old); !errors.Is(err, net.ErrClosed) {
		t.Errorf("remove the closed socket: %v", err)
	}
	if e := p.RecvErrors(old); len(e) != 0 {
		t.Errorf("errors of the closed socket: %+v", e)
	}
	if err := old.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	packets, err := p.Recv(next, 64)
	if err != nil || len(packets) != 1 || string(packets[0].Payload) != "for the new" {
		t.Errorf("receive on the new socket: %q, %v", payloads(packets), err)
	}
}

// A child process has every descriptor between its fork and its exec. What is closed meanwhile lives on, in epoll too.
func TestCloseOfDescriptorHeldElsewhere(t *testing.T) {
	p, from, s := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	if err := p.Add(s, 1); err != nil {
		t.Fatal(err)
	}
	elsewhere, err := unix.Dup(s.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(elsewhere)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sendOne(t, p, from, s, "late")
	if events, err := p.Wait(0); err != nil || len(events) != 0 {
		t.Errorf("closed socket reported: %+v, %v", events, err)
	}
}
