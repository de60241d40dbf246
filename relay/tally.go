package relay

// A tally is how often something happened since the log was told last, and to whom most. Owned by one goroutine at a time.
//
// Who is most hit is found by Misra and Gries' way: a few candidates with a count each, and whoever is none of them takes
// one from all. Whoever had more than a ninth of all is among them, with a count that is not too high.
type tally struct {
	times uint64
	most  [8]candidate
}

type candidate struct {
	who   culprit
	times uint64
}

// add counts one more.
func (t *tally) add(who culprit) { t.join(who, 1) }

func (t *tally) join(who culprit, times uint64) {
	t.times += times
	var free *candidate
	least := times
	for i := range t.most {
		c := &t.most[i]
		switch {
		case c.times == 0:
			free = c
			continue
		case c.who == who:
			c.times += times
			return
		}
		least = min(least, c.times)
	}
	if free != nil {
		*free = candidate{who, times}
		return
	}
	for i := range t.most {
		t.most[i].times -= least
	}
	if times > least {
		t.join(who, times-least)
		t.times -= times - least
	}
}

// merge adds another tally's counts.
func (t *tally) merge(o *tally) {
	named := uint64(0)
	for _, c := range o.most {
		if c.times > 0 {
			t.join(c.who, c.times)
			named += c.times
		}
	}
	t.times += o.times - named
}

// top is who was most hit.
func (t *tally) top() (top candidate) {
	for _, c := range t.most {
		if c.times > top.times {
			top = c
		}
	}
	return top
}
