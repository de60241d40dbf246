package top

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Style is how a frame looks beside its words. The zero value is plain text.
type Style struct {
	Attributes bool // bold and reverse, and red for what is wrong
}

// ANSI attributes (ECMA-48 §8.3.117).
const (
	bold    = "1"
	reverse = "7"
	red     = "31"
)

func (s Style) paint(attribute, text string) string {
	if !s.Attributes || text == "" {
		return text
	}
	return "\x1b[" + attribute + "m" + text + "\x1b[0m"
}

// Lines that a frame has besides rows: how the relay is, a title for the rows, and two at the foot.
const (
	headLines  = 6
	titleLines = 1
	footLines  = 2
)

// What stands before a row.
const (
	rowMark      = "  "
	selectedMark = "> "
)

// Shown is how many rows fit into so many lines.
func Shown(height int) int { return max(1, height-headLines-titleLines-footLines) }

// Frame draws the model for a terminal of so many columns and lines: at most that many lines, of at most that many columns.
func (m *Model) Frame(width, height int, s Style) []string {
	width = max(width, 20)
	shown := Shown(height)
	lines := m.head(width, s)
	rows := m.rows(shown)
	columns := columnsFor(width)
	lines = append(lines, s.paint(bold, fit(rowMark+columns.line(func(c column) string { return c.title }), width)))
	for i := range shown {
		if i >= len(rows) {
			lines = append(lines, "")
			continue
		}
		a := &rows[i]
		mark, attribute := rowMark, ""
		if a.ID == m.selected {
			mark, attribute = selectedMark, reverse
		}
		line := fit(mark+columns.line(func(c column) string { return c.value(m, a) }), width)
		if attribute != "" {
			line = s.paint(attribute, line)
		}
		lines = append(lines, line)
	}
	lines = append(lines, fit(m.about(rows, shown), width), m.foot(width, s))
	return lines[:min(len(lines), max(height, 1))]
}

// head says how the relay is.
func (m *Model) head(width int, s Style) []string {
	st := m.status
	if st == nil {
		lines := make([]string, headLines)
		lines[0] = fit("turnout at "+m.Where, width)
		if m.fault != nil {
			lines[1] = s.paint(red, fit(clean(m.fault.Error()), width))
		}
		return lines
	}
	first := fmt.Sprintf("turnout %s at %s: %s, up %s, %d workers", clean(st.Version), m.Where, st.condition(), span(st.Now.Sub(st.Started)), st.Workers)
	lines := []string{s.paint(bold, fit(beside(first, st.Now.Local().Format("15:04:05"), width), width))}
	lines = append(lines, m.flow("clients", width, func(s *Status) (in, out Traffic) { return s.Relayed.FromClients, s.Relayed.ToClients }))
	lines = append(lines, m.flow("peers", width, func(s *Status) (in, out Traffic) { return s.Relayed.FromPeers, s.Relayed.ToPeers }))
	lines = append(lines, fit(fmt.Sprintf("allocations %s%s, %s new/s  ports %s of %s  streams %s", count(st.Allocations), by(st.AllocationsByTransport),
		few(m.perSecond(func(s *Status) float64 { return float64(s.AllocationsTotal) })), count(st.Ports.Used), count(st.Ports.All), count(st.Connections)), width))
	lines = append(lines, m.trouble("dropped/s", width, s, func(s *Status) map[string]uint64 { return s.Drops }))
	switch failures := m.trouble("login failures/s", width, s, (*Status).failures); {
	case m.fault != nil:
		lines = append(lines, s.paint(red, fit("no answer since "+m.faultSince.Local().Format("15:04:05")+": "+clean(m.fault.Error()), width)))
	case len(st.Reasons) > 0:
		lines = append(lines, s.paint(red, fit("degraded: "+clean(strings.Join(st.Reasons, " ")), width)))
	default:
		lines = append(lines, failures)
	}
	return lines
}

// condition is the state in one word, as /readyz has it: a relay with reasons to worry relays all the same.
func (s *Status) condition() string {
	if s.State == "ok" && len(s.Reasons) > 0 {
		return "degraded"
	}
	return clean(s.State)
}

// failures are the outcomes of authentication that are none of the usual steps of a login.
func (s *Status) failures() map[string]uint64 {
	f := maps.Clone(s.Authentications)
	for _, usual := range []string{"ok", "challenged", "stale_nonce"} {
		delete(f, usual)
	}
	return f
}

// flow is a line of what comes from clients or peers and goes to them.
func (m *Model) flow(whom string, width int, of func(*Status) (in, out Traffic)) string {
	rate := func(in bool, bytes bool) float64 {
		return m.perSecond(func(s *Status) float64 {
			t, out := of(s)
			if !in {
				t = out
			}
			if bytes {
				return t.Bytes
			}
			return t.Packets
		})
	}
	way := func(word string, in bool) string {
		return fmt.Sprintf("%-4s %-7s %8s pkt/s %10s", word, whom, count(rate(in, false)), bits(rate(in, true)))
	}
	return fit(way("from", true)+"  "+way("to", false), width)
}

// trouble is a line of what was counted a second, the most first.
func (m *Model) trouble(title string, width int, s Style, of func(*Status) map[string]uint64) string {
	type one struct {
		name string
		rate float64
	}
	var all []one
	sum := 0.0
	for name := range of(m.status) {
		if rate := m.perSecond(func(s *Status) float64 { return float64(of(s)[name]) }); rate > 0 {
			all = append(all, one{name, rate})
			sum += rate
		}
	}
	if len(all) == 0 {
		return fit(title+" 0", width)
	}
	slices.SortFunc(all, func(a, b one) int {
		return cmp.Or(cmp.Compare(b.rate, a.rate), cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, o := range all {
		names = append(names, few(o.rate)+" "+clean(o.name))
	}
	return s.paint(red, fit(fmt.Sprintf("%s %s: %s", title, few(sum), strings.Join(names, ", ")), width))
}

// by lists the transports that are in use.
func by(transports map[string]int) string {
	var used []string
	for _, name := range slices.Sorted(maps.Keys(transports)) {
		if n := transports[name]; n > 0 {
			used = append(used, clean(name)+" "+count(n))
		}
	}
	if len(used) == 0 {
		return ""
	}
	return " (" + strings.Join(used, ", ") + ")"
}

// about says more of the selected row, or which rows there are.
func (m *Model) about(rows []Allocation, shown int) string {
	for i := range rows {
		if a := &rows[i]; a.ID == m.selected {
			return fmt.Sprintf("%s: %s relayed at %s by %s, %d permissions, %d channels, %s in all, expires %s", clean(a.Subject), a.Client,
				strings.Join(a.Relayed, " "), a.Protocol, a.Permissions, a.Channels, amount(a.FromClient.Bytes+a.ToClient.Bytes), a.Expires.Local().Format("15:04:05"))
		}
	}
	if m.status == nil {
		return ""
	}
	where := fmt.Sprintf("%d to %d", m.page*shown+1, m.page*shown+len(rows))
	if len(rows) == 0 {
		where = "none"
	}
	text := fmt.Sprintf("%s of %s allocations, by %s", where, count(m.list.Total), m.Order)
	if m.Text != "" {
		text += ", with " + clean(m.Text)
	}
	return text
}

// foot asks, tells, or lists the keys.
func (m *Model) foot(width int, s Style) string {
	switch {
	case m.asks != nil:
		return s.paint(bold, fit(fmt.Sprintf("End the allocation of %s from %s? Its call is cut. y to end it, any other key not to ", clean(m.asks.Subject), m.asks.Client), width))
	case m.typing:
		return s.paint(bold, fit("Part of a subject, or an address or block of clients: "+clean(m.Text)+"_", width))
	case m.said != "":
		return fit(clean(m.said), width)
	}
	return fit("q quit  s sort  / search  Esc all  arrows choose  n p page  e end", width)
}

// beside puts two texts at the ends of a line.
func beside(left, right string, width int) string {
	space := width - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	if space < 1 {
		return left
	}
	return left + strings.Repeat(" ", space) + right
}

// fit cuts a text to a width. Characters that terminals show in two columns count as two.
func fit(text string, width int) string {
	used := 0
	for i, r := range text {
		w := columnsOf(r)
		if used+w > width {
			return strings.TrimRight(cut(text[:i], width-1), " ") + "…"
		}
		used += w
	}
	return text
}

// ends cuts the middle out of a text that is too wide: users of the service differ in the last part of their id, others in the first
// part of their name.
func ends(text string, width int) string {
	if width < 3 || fit(text, width) == text {
		return text
	}
	head := cut(text, (width-1)/2)
	room, tail := width-1-columnsIn(head), len(text)
	for tail > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:tail])
		if room -= columnsOf(r); room < 0 {
			break
		}
		tail -= size
	}
	return head + "…" + text[tail:]
}

// columnsIn is how wide a terminal shows a text.
func columnsIn(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

// cut keeps what fits.
func cut(text string, width int) string {
	used := 0
	for i, r := range text {
		if used += columnsOf(r); used > width {
			return text[:i]
		}
	}
	return text
}

// columnsOf is how wide a terminal shows a character: two for those of East Asia and for pictures (UAX #11, roughly).
func columnsOf(r rune) int {
	switch {
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF,
		r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}
