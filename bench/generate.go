package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"runtime"

	"turnout/internal/netio"
)

// Generate is the life of a generator process: it reads one Job from in, runs it, and writes one Measurement to out. It
// ends early when ctx is done, or when in ends, which means that whoever started it is gone.
func Generate(ctx context.Context, in io.Reader, out io.Writer) error {
	var j Job
	ctx, err := begin(ctx, in, &j)
	if err != nil {
		return err
	}
	m, err := generate(ctx, j)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(m)
}

// begin reads what there is to do, and gives a context that ends with the input.
func begin(ctx context.Context, in io.Reader, what any) (context.Context, error) {
	d := json.NewDecoder(in)
	if err := d.Decode(what); err != nil {
		return nil, fmt.Errorf("read what to do: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, in) // any end is the end
	}()
	return ctx, nil
}

func generate(ctx context.Context, j Job) (Measurement, error) {
	if err := j.Scenario.Check(); err != nil {
		return Measurement{}, err
	}
	if j.Scenario.Transport != UDP {
		return generateStreams(ctx, j, netio.System())
	}
	runtime.LockOSThread() // the poller asks for it
	defer runtime.UnlockOSThread()
	l, err := newLoop(j, netio.System())
	if err != nil {
		return Measurement{}, err
	}
	defer l.close()
	defer context.AfterFunc(ctx, l.poller.Wake)()
	return l.measure(ctx)
}

// PeerJob is the input of a peer process.
type PeerJob struct{ Local netip.Addr }

// PeerAddress is its output, once it listens.
type PeerAddress struct{ Addr netip.AddrPort }

// ServePeer is the life of a process that plays the peer alone: it reads a PeerJob from in, writes a PeerAddress to out, and
// returns every datagram to its sender until ctx is done or in ends.
func ServePeer(ctx context.Context, in io.Reader, out io.Writer) error {
	var j PeerJob
	ctx, err := begin(ctx, in, &j)
	if err != nil {
		return err
	}
	network := netio.System()
	group, err := network.ListenUDP(netip.AddrPortFrom(j.Local, 0), 1)
	if err != nil {
		return err
	}
	defer group[0].Close()
	poller, err := network.NewPoller(Scenario{}.poller())
	if err != nil {
		return err
	}
	defer poller.Close()
	if err := poller.Add(group[0], peerEvent); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, poller.Wake)()
	if err := json.NewEncoder(out).Encode(PeerAddress{group[0].Local()}); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return echo(ctx, poller, group[0])
}

// echo returns every datagram to its sender.
func echo(ctx context.Context, poller netio.Poller, socket netio.Socket) error {
	var outs []netio.Out
	for ctx.Err() == nil {
		if _, err := poller.Wait(-1); err != nil {
			return err
		}
		packets, err := poller.Recv(socket, poller.Room())
		if err != nil {
			return err
		}
		outs = outs[:0]
		for i := range packets {
			outs = append(outs, netio.Out{Socket: socket, Dst: packets[i].Addr, Payload: packets[i].Payload})
		}
		poller.Send(outs) // what the system refuses is lost, and counted as that by the clients
		poller.EndRound()
	}
	return nil
}
