// Package bench measures TURN servers under load: it generates the load, runs
// servers side by side, and reports what they delivered and what it cost.
//
// The generator is no user of package client. It speaks to the kernel as the
// relay does, in batches, so that it can outrun what it measures; it runs in a
// process of its own, on processors of its own where there is more than one. Every
// payload it sends carries a number, a time and a pattern, and every one that
// arrives is checked: a figure counts what was delivered whole, never what was sent.
//
// The pieces, from the inside out: payload, sequence and latency judge datagrams;
// handshake makes an allocation; loop and stream are the generators for UDP and
// TCP; Generate is the process they run in; Runner starts a server and a generator
// and gets one Measurement; Compare interleaves servers over rounds; Report and its
// renderings say what came of it.
package bench
