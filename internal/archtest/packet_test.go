package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// stateless are the packages that are plain state and arithmetic.
var stateless = []string{"allocation", "auth", "stun"}

// addressTypes are the names of package net that are not comparable, hold
// pointers, or lead to them. Streams may name *net.TCPAddr, from which
// AddrPort gives the value.
var addressTypes = []string{
	"IP", "IPNet", "IPMask", "IPAddr", "Addr", "UDPAddr", "UDPConn", "PacketConn", "ParseIP", "ParseCIDR", "ResolveUDPAddr", "ResolveIPAddr", "IPv4",
}

// sockets are the methods of internal/netio's interfaces that touch the kernel.
var sockets = []string{
	"ListenUDP", "OpenUDP", "ListenTCP", "DialTCP", "Recv", "RecvErrors", "Send", "Wait", "EndRound",
}

// handlerImports are packages by which a handler could do I/O, log or read a clock.
var handlerImports = []string{"net", "os", "io", "bufio", "log", "log/slog", "sync", "context"}

// handlerNetio are the plain values of internal/netio that a handler may fill in.
var handlerNetio = []string{"Packet", "Out", "ICMPError"}

var packetRules = []rule{
	{
		name:  "value types are keys",
		check: valueTypes,
		bad: map[string]string{
			"allocation/a.go": "package allocation\nimport \"net\"\nvar _ net.IP\n",
			"relay/worker.go": "package relay\nimport \"net\"\nvar _ map[string]net.Addr\n",
			"relay/accept.go": "package relay\nimport \"net\"\nfunc f(a net.Addr) string { return \"\" }\n",
			"relay/stream.go": "package relay\nimport n \"net\"\nvar _ n.UDPAddr\n",
		},
		good: map[string]string{
			"relay/stream.go":     "package relay\nimport \"net\"\nfunc f(c net.Conn) any { return c.RemoteAddr().(*net.TCPAddr).AddrPort() }\n",
			"relay/accept.go":     "package relay\nimport (\n\"net\"\n\"net/netip\"\n)\nfunc f(a net.Addr) netip.AddrPort { return netip.AddrPort{} }\n",
			"allocation/a.go":     "package allocation\nimport \"net/netip\"\nvar _ netip.AddrPort\n",
			"internal/netio/a.go": "package netio\nimport \"net\"\nvar _ net.IP\n",
		},
	},
	{
		name:  "handlers do no I/O",
		check: handlers,
		bad: map[string]string{
			"relay/handle_send.go":     "package relay\nimport \"net\"\nvar _ net.Conn\n",
			"relay/handle_refresh.go":  "package relay\nimport \"time\"\nvar _ = time.Now()\n",
			"relay/handle_connect.go":  "package relay\nfunc f() { go f() }\n",
			"relay/handle_allocate.go": "package relay\nfunc f(w *worker) { w.network.OpenUDP(a) }\n",
			"relay/handle_data.go":     "package relay\nimport \"turnout/internal/netio\"\nvar _ netio.Poller\n",
		},
		good: map[string]string{
			"relay/handle_send.go": "package relay\nimport (\n\"net/netip\"\n\"time\"\n\"turnout/internal/netio\"\n)\nfunc f(a netip.AddrPort, o *netio.Out, d time.Duration) { handleSend(a) }\n",
			"relay/worker.go":      "package relay\nimport \"time\"\nfunc f(w *worker) { w.poller.Send(nil); now = time.Now() }\n",
		},
	},
	{
		name:  "no goroutine in plain state",
		check: goroutines,
		bad: map[string]string{
			"allocation/a.go": "package allocation\nfunc f() { go f() }\n",
		},
		good: map[string]string{
			"relay/server.go":      "package relay\nfunc f() { go f() }\n",
			"allocation/a_test.go": "package allocation\nfunc f() { go f() }\n",
		},
	},
}

// valueTypes keeps net.IP and net.Addr off the packet path. The plain packages
// import nothing of package net; the relay may hold connections and listeners
// (net.Conn, net.Listener) in its stream code, but no address of package net,
// except as the parameter of a function that makes a netip.AddrPort of it.
func valueTypes(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.test {
			continue
		}
		if f.in(stateless...) && f.importName("net") != "" {
			fs = append(fs, finding{f.path, f.dir + " imports net: addresses are net/netip values, and this package does no I/O"})
		}
		if f.dir != "relay" {
			continue
		}
		for name, pos := range f.selectors("net") {
			if slices.Contains(addressTypes, name) && !converted(f, pos) {
				fs = append(fs, finding{f.at(pos), fmt.Sprintf("net.%s: use netip.Addr, netip.AddrPort or netip.Prefix, which are comparable and hold no slice", name)})
			}
		}
	}
	return fs
}

// converted says whether pos lies in the parameters of a function that returns a netip.AddrPort.
func converted(f *file, pos token.Pos) bool {
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Type.Results == nil || pos < fn.Type.Params.Pos() || pos > fn.Type.Params.End() {
			continue
		}
		s, ok := fn.Type.Results.List[0].Type.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "AddrPort"
	}
	return false
}

// handlers keeps handle_*.go pure: a packet, state and the time in, queued packets and an answer out.
func handlers(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.dir != "relay" || f.test || !strings.HasPrefix(path.Base(f.path), "handle_") {
			continue
		}
		found := func(n ast.Node, what string) {
			fs = append(fs, finding{f.at(n.Pos()), what + ": a handler takes packet, state and now and appends to output queues; do this in the worker's loop"})
		}
		for p, spec := range f.imports {
			if slices.Contains(handlerImports, p) {
				found(spec, "imports "+p)
			}
		}
		for name, pos := range f.selectors("turnout/internal/netio") {
			if !slices.Contains(handlerNetio, name) && !strings.HasPrefix(name, "Err") {
				fs = append(fs, finding{f.at(pos), fmt.Sprintf("netio.%s in a handler: it may name %s, which are plain values; sockets belong to the worker's loop", name, strings.Join(handlerNetio, ", "))})
			}
		}
		for _, name := range clock(f) {
			found(name, "reads the clock")
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				found(n, "starts a goroutine")
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(sockets, s.Sel.Name) {
					found(n, "calls "+s.Sel.Name)
				}
			}
			return true
		})
	}
	return fs
}

// goroutines finds go statements where state has one owner and no concurrency of its own.
func goroutines(t *tree) []finding {
	var fs []finding
	for _, f := range t.files {
		if f.test || !f.in(stateless...) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				fs = append(fs, finding{f.at(g.Pos()), f.dir + " starts a goroutine: its callers own the concurrency"})
			}
			return true
		})
	}
	return fs
}
