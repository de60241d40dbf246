package relay

import "turnout/auth"

// A Class is what the credentials of a class may use, in place of Config.UserAllocations and Config.UserBandwidth. The
// class stands in the suffix of a credential, where only the service can have put it.
type Class struct {
	// Allocations is how many a user of the class may have at a time. If zero, any number.
	Allocations int
	// Bandwidth is how many bits a second of payload they may relay together, both ways. If zero, any number.
	Bandwidth int64
}

// A grant is what a credential says of what its user may use. It never changes.
type grant struct {
	class     string // empty for none
	bandwidth int64  // bits a second in place of the class's; 0: the class's
}

// grantOf is that of a credential; nil where it says nothing.
func grantOf(v *auth.Verified) *grant {
	if len(v.Class) == 0 && v.Bandwidth == 0 {
		return nil
	}
	return &grant{string(v.Class), v.Bandwidth}
}

// read is what g says; nothing where it is nil.
func (g *grant) read() grant {
	if g == nil {
		return grant{}
	}
	return *g
}

// quotas are what users may use, by class. They are immutable, and replaced as one.
type quotas struct {
	user     Class // of credentials without a class, and of a class that is not known here
	classes  map[string]Class
	newPeers int // a second; 0: any number
}

func newQuotas(c Config) *quotas {
	return &quotas{user: Class{c.UserAllocations, c.UserBandwidth}, classes: c.Classes, newPeers: c.NewPeers}
}

// of is what a class may use; known says whether it is one of the configuration's. No class is.
func (q *quotas) of(class []byte) (c Class, known bool) {
	if len(class) == 0 {
		return q.user, true
	}
	if c, known = q.classes[string(class)]; known {
		return c, true
	}
	return q.user, false
}

// bandwidth is what a user may relay by a grant, in bits a second.
func (q *quotas) bandwidth(g grant) int64 {
	if g.bandwidth > 0 {
		return g.bandwidth
	}
	c, _ := q.of([]byte(g.class))
	return c.Bandwidth
}

// meter says whether users' traffic or peers have to be counted.
func (q *quotas) meter() bool {
	if q.user.Bandwidth > 0 || q.newPeers > 0 {
		return true
	}
	for _, c := range q.classes {
		if c.Bandwidth > 0 {
			return true
		}
	}
	return false
}
