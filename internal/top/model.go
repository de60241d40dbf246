package top

import (
	"slices"
	"time"
	"unicode/utf8"
)

// Orders are those that rows can be sorted in; the first is that at the start.
var Orders = []string{"rate", "bytes", "created", "subject"}

// mostRows is as many as the API gives at a time.
const mostRows = 1000

// A Model is what was answered, and what the person wants to see. It does no I/O. One goroutine has it.
type Model struct {
	Where string // the listener, for people
	Order string // of Orders
	Text  string // part of a subject, or an address or block of clients

	status, before *Status // the last two answers
	list           List
	fault          error     // of the last question
	faultSince     time.Time // when the first one in a row failed

	page     int
	selected string // id of a row
	typing   bool   // the text of the search
	asks     *Allocation
	said     string // what became of the last action
}

// A Key is one key that was pressed: a character, or one of those below.
type Key rune

// Keys that are no characters. They lie above all characters.
const (
	KeyUp Key = utf8.MaxRune + 1 + iota
	KeyDown
	KeyPageUp
	KeyPageDown
	KeyHome
	KeyEscape
	KeyEnter
	KeyBackspace
	KeyInterrupt // Ctrl-C
)

// An Action is what a key asks for.
type Action struct {
	Quit bool
	Ask  bool        // at once: something else is to be shown
	End  *Allocation // this one
}

// Answered takes an answer in, or why there is none.
func (m *Model) Answered(s Status, l List, err error, now time.Time) {
	if err != nil {
		if m.fault == nil {
			m.faultSince = now
		}
		m.fault = err
		return
	}
	m.fault = nil
	if m.status == nil || s.Started != m.status.Started || !s.Now.After(m.status.Now) {
		m.before = nil // another process, or the first answer of this one: there is nothing to compare it with
	} else {
		m.before = m.status
	}
	m.status, m.list = &s, l
	if m.find() < 0 {
		m.selected = ""
	}
}

// Ended takes in what became of ending an allocation.
func (m *Model) Ended(a *Allocation, err error) {
	m.said = "Ended: " + clean(a.Subject) + ", " + a.Client
	if err != nil {
		m.said = "Not ended: " + err.Error()
	}
}

// Limit is how many rows to ask for, where a frame shows so many.
func (m *Model) Limit(shown int) int { return min(mostRows, max(1, shown)*(m.page+1)+1) }

// Press takes a key in, where a frame shows so many rows.
func (m *Model) Press(k Key, shown int) Action {
	switch {
	case k == KeyInterrupt:
		return Action{Quit: true}
	case m.asks != nil:
		return m.confirm(k)
	case m.typing:
		return m.typed(k)
	}
	m.said = ""
	switch k {
	case 'q', 'Q':
		return Action{Quit: true}
	case 's':
		i := slices.Index(Orders, m.Order)
		m.Order, m.page = Orders[(i+1)%len(Orders)], 0
		return Action{Ask: true}
	case '/':
		m.typing, m.Text = true, ""
	case KeyEscape:
		m.Text, m.page = "", 0
		return Action{Ask: true}
	case KeyUp, 'k':
		m.move(-1, shown)
	case KeyDown, 'j':
		m.move(1, shown)
	case KeyPageDown, ' ', 'n':
		if len(m.list.Allocations) > (m.page+1)*shown {
			m.page, m.selected = m.page+1, ""
			return Action{Ask: true}
		}
		if m.list.Next != "" {
			m.said = "No more than " + count(mostRows) + " are shown: search, by /, for those behind them."
		}
	case KeyPageUp, 'b', 'p':
		m.page, m.selected = max(0, m.page-1), ""
	case KeyHome, 'g':
		m.page, m.selected = 0, ""
	case 'e', 'x':
		if i := m.find(); i >= 0 {
			a := m.list.Allocations[i]
			m.asks = &a
		} else {
			m.said = "Choose an allocation with the arrow keys first."
		}
	}
	return Action{}
}

// confirm takes the answer to a question: only y is a yes.
func (m *Model) confirm(k Key) Action {
	a := m.asks
	m.asks = nil
	if k == 'y' || k == 'Y' {
		return Action{End: a}
	}
	m.said = "Not ended."
	return Action{}
}

// typed takes a key of the search's text.
func (m *Model) typed(k Key) Action {
	switch {
	case k == KeyEnter:
		m.typing = false
	case k == KeyEscape:
		m.typing, m.Text = false, ""
	case k == KeyBackspace:
		_, n := utf8.DecodeLastRuneInString(m.Text)
		m.Text = m.Text[:len(m.Text)-n]
	case k <= utf8.MaxRune:
		m.Text += string(rune(k))
	}
	m.page = 0
	return Action{Ask: true}
}

// rows are those of the page.
func (m *Model) rows(shown int) []Allocation {
	all := m.list.Allocations
	for m.page > 0 && m.page*shown >= len(all) { // there are fewer now
		m.page--
	}
	all = all[min(len(all), m.page*shown):]
	return all[:min(len(all), shown)]
}

// move selects another row of the page.
func (m *Model) move(by, shown int) {
	rows := m.rows(shown)
	if len(rows) == 0 {
		return
	}
	at := slices.IndexFunc(rows, func(a Allocation) bool { return a.ID == m.selected })
	if at < 0 && by < 0 {
		at = len(rows)
	}
	m.selected = rows[min(max(at+by, 0), len(rows)-1)].ID
}

// find is where the selected row is among all, -1 if it is not.
func (m *Model) find() int {
	return slices.IndexFunc(m.list.Allocations, func(a Allocation) bool { return a.ID == m.selected })
}

// perSecond is the difference of two counts of the last two answers, a second; 0 while there is one answer alone.
func (m *Model) perSecond(count func(*Status) float64) float64 {
	if m.before == nil {
		return 0
	}
	return max(0, count(m.status)-count(m.before)) / m.status.Now.Sub(m.before.Now).Seconds()
}
