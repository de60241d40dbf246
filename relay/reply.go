package relay

import "turnout/stun"

// A reply is what it takes to answer a request in a later round.
type reply struct {
	method      stun.Method
	id          stun.TransactionID
	key         []byte // a copy
	integrity   stun.Integrity
	fingerprint bool
}

// later keeps what the answer to an authenticated request needs.
func (r *request) later() reply {
	return reply{
		method: r.msg.Method(), id: r.msg.TransactionID(),
		key: append([]byte{}, r.verified.Key...), integrity: r.integrity,
		fingerprint: r.msg.HasFingerprint(),
	}
}

// respond answers a request of an earlier round: with an error, or with success
// and the attributes that add adds.
func (w *worker) respond(p *reply, to *origin, c stun.Code, add func(*stun.Builder)) Drop {
	rs := &w.builder
	class := stun.ClassSuccess
	if c != 0 {
		class = stun.ClassError
	}
	rs.Reset(w.arena.space(answerSize), stun.NewMessageType(p.method, class), p.id)
	if c != 0 {
		rs.AddErrorCode(c)
	} else {
		add(rs)
	}
	w.addSoftware(rs)
	rs.AddIntegrity(p.key, p.integrity)
	if p.fingerprint {
		rs.AddFingerprint()
	}
	w.counters.add(requestCounter(p.method, c), 1)
	response := rs.Bytes()
	w.arena.keep(len(response))
	return w.toOrigin(to, response, nil, 0, 0, 0)
}
