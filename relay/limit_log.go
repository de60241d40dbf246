package relay

import (
	"context"
	"log/slog"
	"time"
)

const (
	// limitWindow is how long the log is silent of a limit when it has told of it.
	limitWindow = time.Minute
	// collectEvery is how long workers are left alone when they have been asked.
	collectEvery = time.Second
)

// A limitLog tells of limits that were reached: at once, and then once in each window, with how often since. Owned by one
// goroutine.
type limitLog struct {
	log     *slog.Logger
	told    [numNotices]time.Time
	pending [numNotices]tally // not told yet
}

// write tells what is due, and returns when it wants to be called again; 0 for no time.
func (l *limitLog) write(now time.Time) (again time.Duration) {
	for i := range l.pending {
		if l.pending[i].times == 0 {
			continue
		}
		if wait := l.told[i].Add(limitWindow).Sub(now); wait > 0 && !l.told[i].IsZero() {
			if again == 0 || wait < again {
				again = wait
			}
			continue
		}
		l.tell(Limit(i), now)
	}
	return again
}

// tell writes the line of one limit.
func (l *limitLog) tell(i Limit, now time.Time) {
	t := &l.pending[i]
	top := t.top()
	message, attrs := "limit reached", []slog.Attr(nil)
	if i == noticeUnknownClass {
		message = "a credential's class is not in classes, and counts as none"
		attrs = append(attrs, slog.String("class", top.who.subject), slog.Uint64("times", t.times))
	} else {
		attrs = append(attrs, slog.String("limit", i.String()), slog.String("key", i.Key()),
			slog.String("answer", i.Answer()), slog.Uint64("times", t.times))
		switch {
		case top.who.subject != "":
			attrs = append(attrs, slog.String("subject", top.who.subject), slog.Uint64("subject_times", top.times))
		case top.who.source.IsValid():
			attrs = append(attrs, slog.String("source", top.who.source.String()), slog.Uint64("source_times", top.times))
		}
	}
	l.log.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
	l.told[i], *t = now, tally{}
}

// runLimits asks the workers for what they have noted, a second apart at least, until the server has ended.
func (s *Server) runLimits() {
	l := limitLog{log: s.log}
	timer := time.NewTimer(0)
	<-timer.C
	for {
		select {
		case <-timer.C:
		case _, open := <-s.noticed:
			if !open {
				l.finish(s.workers)
				return
			}
		}
		s.collect(&l)
		again := l.write(time.Now())
		if again > 0 {
			timer.Reset(again)
		}
		// Whoever is flooded notes something in every round.
		select {
		case <-time.After(collectEvery):
		case <-s.ending:
		}
	}
}

// collect takes over what every worker has noted.
func (s *Server) collect(l *limitLog) {
	taken, asked := make(chan [numNotices]tally, len(s.workers)), 0
	for _, w := range s.workers {
		if w.inbox.put(post{do: func(w *worker) {
			taken <- w.tallies
			w.tallies = [numNotices]tally{}
		}}) {
			asked++
		}
	}
	for range asked { // a worker that ends serves its inbox first
		l.merge(<-taken)
	}
}

func (l *limitLog) merge(tallies [numNotices]tally) {
	for i := range tallies {
		if tallies[i].times > 0 {
			l.pending[i].merge(&tallies[i])
		}
	}
}

// finish tells what is left when the workers have ended.
func (l *limitLog) finish(workers []*worker) {
	for _, w := range workers {
		l.merge(w.tallies)
	}
	for i := range l.pending {
		if l.pending[i].times > 0 {
			l.tell(Limit(i), time.Now())
		}
	}
}
