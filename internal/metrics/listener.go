package metrics

import "time"

// A Listener counts what is asked for over one HTTP listener, and what the service behind it gives out. It is the
// api.Meter of the service. Safe for concurrent use. Make it with [Service.Listener].
type Listener struct {
	service *Service
	name    string
}

// Listener is the one of this name, of a closed set, with routes as of [Listener.Start].
func (s *Service) Listener(name string, routes ...string) *Listener {
	l := &Listener{s, name}
	l.Start(routes...)
	return l
}

// Start has routes be counted from 0, so that a rate of them has a start.
func (l *Listener) Start(routes ...string) {
	for _, route := range routes {
		for class := 2; class <= 5; class++ {
			l.service.requests.WithLabelValues(l.name, route, statusClass(class*100))
		}
	}
}

// Offers are counted from 0: what may be asked for, in which dialects, what comes of it, and which changes to users there are.
func (s *Service) Offers(dialects, results, changes []string) {
	for _, result := range results {
		s.tokens.WithLabelValues(result)
		for _, dialect := range dialects {
			s.credentials.WithLabelValues(dialect, result)
		}
	}
	for _, change := range changes {
		s.userChanges.WithLabelValues(change)
	}
}

// Answered counts a request. All words must be of closed sets, here and below.
func (l *Listener) Answered(route string, status int, took time.Duration) {
	l.service.requests.WithLabelValues(l.name, route, statusClass(status)).Inc()
	l.service.requestSeconds.WithLabelValues(l.name, route).Observe(took.Seconds())
}

// Decided counts what came of a request for a credential or a token.
func (l *Listener) Decided(product, dialect, result string) {
	if product == "token" {
		l.service.tokens.WithLabelValues(result).Inc()
		return
	}
	l.service.credentials.WithLabelValues(dialect, result).Inc()
}

// Changed counts a change to users.
func (l *Listener) Changed(what string) { l.service.userChanges.WithLabelValues(what).Inc() }

// statusClass is 2xx and so on.
func statusClass(status int) string {
	if class := status / 100; class >= 2 && class <= 5 {
		return [...]string{"2xx", "3xx", "4xx", "5xx"}[class-2]
	}
	return "other"
}
