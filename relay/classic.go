package relay

import (
	"turnout/allocation"
	"turnout/stun"
)

// classic is what becomes of bytes that are no STUN message. Over DTLS a request of
// RFC 3489, which has no magic cookie, must be answered 500 (RFC 8489 §11, RFC 7350
// §3); everything else, and everything over other transports, is discarded.
func (w *worker) classic(b []byte, from *origin) Drop {
	t, id, ok := stun.ParseClassic(b)
	if !ok || from.tuple.Transport != allocation.DTLS || t.Class() != stun.ClassRequest {
		return DropMalformed
	}
	w.builder.Reset(w.arena.space(answerSize), stun.NewMessageType(t.Method(), stun.ClassError), stun.TransactionID(id[4:]))
	w.builder.AddErrorCode(stun.CodeServerError)
	response := w.builder.Bytes()
	copy(response[4:], id) // its own id, in place of the cookie too
	w.arena.keep(len(response))
	if serving(t.Method()) != nil {
		w.counters.add(requestCounter(t.Method(), stun.CodeServerError), 1)
	}
	return w.toOrigin(from, response, nil, 0, 0, 0)
}
