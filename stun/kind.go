package stun

// A Kind is what the first byte of a packet says it is (RFC 7983 §7).
type Kind uint8

const (
	KindUnknown     Kind = iota // neither of the two: another protocol, or nothing at all
	KindSTUN                    // 0 to 3: a STUN message
	KindChannelData             // 64 to 127: a ChannelData message
)

// Classify tells STUN from ChannelData by the first byte of b, a datagram or
// the start of a frame on a stream. An empty b is KindUnknown.
//
// RFC 7983 §7 gives 64 to 79 to TURN channels. Classify goes up to 127, since
// the channel numbers of RFC 5766 did; [ChannelNumber.Valid] tells them apart.
func Classify(b []byte) Kind {
	if len(b) == 0 {
		return KindUnknown
	}
	switch b[0] >> 6 {
	case 0:
		if b[0] <= 3 { // RFC 7983 §7: 4 to 63 belong to ZRTP, DTLS and nobody.
			return KindSTUN
		}
	case 1:
		return KindChannelData
	}
	return KindUnknown
}
