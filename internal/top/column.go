package top

import "strings"

// A column is one of a row's. Its width is fixed; what is longer is cut at its end, or in the middle where it is the last column.
type column struct {
	title string
	width int
	right bool // numbers stand at the right
	value func(*Model, *Allocation) string
}

// columns are those of a frame. The last one takes what is left of the line.
type columns []column

// columnsFor chooses what fits: on 80 columns there is no room for the relayed address, which the line below the rows has.
func columnsFor(width int) columns {
	const narrow, wide = 100, 140
	all := columns{
		{"CLIENT", 24, false, func(_ *Model, a *Allocation) string { return a.Client }},
		{"VIA", 4, false, func(_ *Model, a *Allocation) string { return a.Transport }},
	}
	if width >= wide {
		all[0].width = 47 // any IPv6 address and port
	}
	if width >= narrow {
		all = append(all, column{"RELAYED", 24, false, func(_ *Model, a *Allocation) string { return strings.Join(a.Relayed[:min(1, len(a.Relayed))], "") }})
	}
	all = append(all,
		column{"FROM CLIENT", 11, true, rate(func(a *Allocation) (now, all Traffic) { return a.Rate.FromClient, a.FromClient })},
		column{"TO CLIENT", 11, true, rate(func(a *Allocation) (now, all Traffic) { return a.Rate.ToClient, a.ToClient })},
		column{"AGE", 6, true, func(m *Model, a *Allocation) string { return span(m.status.Now.Sub(a.Created)) }},
		column{"SUBJECT", 0, false, func(_ *Model, a *Allocation) string { return clean(a.Subject) }})
	last := &all[len(all)-1]
	last.width = width - len(rowMark)
	for _, c := range all[:len(all)-1] {
		last.width -= c.width + 1
	}
	return all
}

// rate shows what is relayed now or, where that is the order and where no rates are known yet, altogether.
func rate(of func(*Allocation) (now, all Traffic)) func(*Model, *Allocation) string {
	return func(m *Model, a *Allocation) string {
		now, all := of(a)
		if m.Order == "bytes" || m.list.Interval == 0 {
			return amount(all.Bytes)
		}
		return bits(now.Bytes)
	}
}

// line joins the columns, with a space between.
func (c columns) line(text func(column) string) string {
	var b strings.Builder
	for i, one := range c {
		t := text(one)
		if i == len(c)-1 {
			b.WriteString(" " + ends(t, one.width))
			continue
		}
		t = fit(t, one.width)
		space := strings.Repeat(" ", max(0, one.width-len([]rune(t))))
		if i > 0 {
			b.WriteString(" ")
		}
		if one.right {
			b.WriteString(space + t)
		} else {
			b.WriteString(t + space)
		}
	}
	return b.String()
}
