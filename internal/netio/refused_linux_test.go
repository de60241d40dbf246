package netio

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// twoRuns are outs in turn: 5 to runPeer and 5 to another destination, and the destination.
func twoRuns(s Socket) (outs []Out, other netip.AddrPort) {
	other = otherPeers(1)[0]
	for i := range 10 {
		outs = append(outs, Out{Socket: s, Dst: runPeer, TOS: 0x28, Payload: make([]byte, 100)})
		if i%2 == 1 {
			outs[i].Dst = other
		}
	}
	return outs, other
}

// A run that the kernel refuses is sent again as plain datagrams, and GSO is given up only for errors that say that it is not
// there.
func TestRefusedRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		errno    unix.Errno
		disabled bool
	}{
		{unix.EMSGSIZE, false},
		{unix.EINVAL, false},
		{unix.EPERM, false},
		{unix.ECONNREFUSED, false}, // of whatever others were sent
		{unix.EIO, true},
		{unix.ENOSYS, true},
		{unix.EOPNOTSUPP, true},
		{unix.ENOPROTOOPT, true},
	} {
		t.Run(c.errno.Error(), func(t *testing.T) {
			t.Parallel()
			p, k := runPoller(t)
			outs, other := twoRuns(linuxRelay(t, linuxLoopback4))
			k.refuses = func(m sentMessage) unix.Errno {
				if m.segment > 0 && m.dst == runPeer {
					return c.errno
				}
				return 0
			}
			if f := p.Send(outs); len(f) != 0 {
				t.Fatalf("failures %v", f)
			}
			// The first run's datagrams leave at once, ahead of what follows.
			if got, want := fmt.Sprint(k.sent), "[100 100 100 100 100 4 x 100, 100]"; got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
			checkRuns(t, outs, k.sent)
			if k.sent[5].dst != other {
				t.Errorf("the run to %v went to %v", other, k.sent[5].dst)
			}
			if n := p.Counts(); n.SendDatagrams != 10 || n.GSOMessages != 1 || n.GSOSegments != 5 || n.SendCalls != uint64(k.calls) {
				t.Errorf("counted %+v, with %d calls", n, k.calls)
			}
			gso := p.Shortcuts().GSO
			if gso.Enabled == c.disabled || gso.Enabled != (gso.Reason == "") {
				t.Errorf("afterwards GSO is %+v", gso)
			}
			k.sent = nil
			p.Send(outs)
			if runs := slices.ContainsFunc(k.sent, func(m sentMessage) bool { return m.segment > 0 }); runs == c.disabled {
				t.Errorf("later runs are sent: %v", runs)
			}
		})
	}
}

// What every datagram of a run fails for fails all of them, and no other run.
func TestRunFails(t *testing.T) {
	t.Parallel()
	for errno, want := range map[unix.Errno]error{
		unix.ENOBUFS:      ErrWouldBlock,
		unix.EHOSTUNREACH: ErrUnreachable,
		unix.ENETUNREACH:  ErrUnreachable,
	} {
		p, k := runPoller(t)
		outs, other := twoRuns(linuxRelay(t, linuxLoopback4))
		k.refuses = func(m sentMessage) unix.Errno {
			if m.dst == runPeer {
				return errno
			}
			return 0
		}
		var failed []int
		for _, f := range p.Send(outs) {
			failed = append(failed, f.Index)
			if f.Err != want {
				t.Errorf("%v: %v, want %v", errno, f.Err, want)
			}
		}
		if !slices.Equal(failed, []int{0, 2, 4, 6, 8}) || len(k.sent) != 1 || k.sent[0].dst != other || !p.Shortcuts().GSO.Enabled {
			t.Errorf("%v: outs %v failed, %v was sent, %+v", errno, failed, k.sent, p.Shortcuts())
		}
		if n := p.Counts(); n.SendDatagrams != 5 {
			t.Errorf("%v: counted %+v", errno, n)
		}
	}
}

// One datagram of a refused run may fail by itself.
func TestRefusedRunLosesOneDatagram(t *testing.T) {
	t.Parallel()
	p, k := runPoller(t)
	outs, _ := twoRuns(linuxRelay(t, linuxLoopback4))
	plain := 0
	k.refuses = func(m sentMessage) unix.Errno {
		if m.dst != runPeer {
			return 0
		}
		if m.segment > 0 {
			return unix.EMSGSIZE
		}
		// The third, in the first call, where it only ends the batch, in the next, and when it is tried again since the error may be
		// an earlier datagram's.
		if plain++; plain >= 3 && plain <= 5 {
			return unix.EMSGSIZE
		}
		return 0
	}
	f := p.Send(outs)
	if len(f) != 1 || f[0] != (Failure{4, ErrMessageSize}) {
		t.Errorf("failures %v, want out 4's", f)
	}
	if n := p.Counts(); n.SendDatagrams != 9 || len(k.sent) != 5 {
		t.Errorf("counted %+v, sent %v", n, k.sent)
	}
}

// A full buffer ends the socket's turn, in a run as among what is left of a refused one.
func TestRunsAndFullBuffer(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		p, k := runPoller(t)
		full, free := linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
		outs, _ := twoRuns(full)
		outs = append(outs, Out{Socket: free, Dst: runPeer, Payload: make([]byte, 3)})
		k.refuses = func(m sentMessage) unix.Errno {
			switch {
			case m.fd == free.fd:
				return 0
			case refused && m.segment > 0:
				return unix.EINVAL
			case refused && len(k.sent) < 2:
				return 0
			}
			return unix.EAGAIN
		}
		lost := []int{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}
		if refused {
			lost = lost[2:]
		}
		var failed []int
		for _, f := range p.Send(outs) {
			failed = append(failed, f.Index)
			if !errors.Is(f.Err, ErrWouldBlock) {
				t.Errorf("out %d: %v", f.Index, f.Err)
			}
		}
		if !slices.Equal(failed, lost) || k.sent[len(k.sent)-1].fd != free.fd {
			t.Errorf("refused %v: outs %v failed, %v sent, want %v", refused, failed, k.sent, lost)
		}
	}
}

// An ICMP error that a peer provoked is not the kernel's word on GSO, whatever it is.
func TestPendingErrorIsNotARefusal(t *testing.T) {
	t.Parallel()
	for _, errno := range []unix.Errno{unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.ECONNREFUSED, unix.EMSGSIZE} {
		p, k := runPoller(t)
		outs, _ := twoRuns(linuxRelay(t, linuxLoopback4))
		pending := true
		k.refuses = func(sentMessage) unix.Errno {
			if pending {
				pending = false
				return errno
			}
			return 0
		}
		if f := p.Send(outs); len(f) != 0 {
			t.Errorf("%v: failures %v", errno, f)
		}
		if got := fmt.Sprint(k.sent); got != "[4 x 100, 100 4 x 100, 100]" || !p.Shortcuts().GSO.Enabled {
			t.Errorf("%v: sent %s, %+v", errno, got, p.Shortcuts())
		}
	}
}

// The real kernel refuses runs on a socket that sends no checksums, and takes their datagrams.
func TestRunWithoutChecksums(t *testing.T) {
	t.Parallel()
	p, from, to := linuxPoller(t), linuxRelay(t, linuxLoopback4), linuxRelay(t, linuxLoopback4)
	if err := unix.SetsockoptInt(from.fd, unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
		t.Fatal(err)
	}
	before := p.Shortcuts()
	var outs []Out
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprintf("%03d", i))
		outs = append(outs, Out{Socket: from, Dst: to.Local(), Payload: []byte(want[i])})
	}
	if f := p.Send(outs); len(f) != 0 {
		t.Fatalf("failures %v", f)
	}
	if got := payloads(receiveAll(t, to, 10)); !slices.Equal(got, want) {
		t.Errorf("received %q", got)
	}
	if n := p.Counts(); n.GSOMessages != 0 || p.Shortcuts() != before {
		t.Errorf("counted %+v, %+v", n, p.Shortcuts())
	}
}
