package stun

// EvenPort reads EVEN-PORT: whether the next-higher port is to be reserved
// (RFC 8656 §18.7).
func (m Message) EvenPort() (reserve bool, err error) {
	v, err := m.Uint8(AttrEvenPort, 1)
	return v&0x80 != 0, err
}

// AddEvenPort appends EVEN-PORT.
func (b *Builder) AddEvenPort(reserve bool) {
	v := uint8(0)
	if reserve {
		v = 0x80
	}
	b.AddUint8(AttrEvenPort, v, 1)
}

// A ReservationToken names a relayed transport address that is held in reserve
// (RFC 8656 §18.10).
type ReservationToken [8]byte

// ReservationToken reads RESERVATION-TOKEN.
func (m Message) ReservationToken() (ReservationToken, error) {
	v, err := m.sized(AttrReservationToken, len(ReservationToken{}))
	if err != nil {
		return ReservationToken{}, err
	}
	return ReservationToken(v), nil
}

// AddReservationToken appends RESERVATION-TOKEN.
func (b *Builder) AddReservationToken(t ReservationToken) { b.Add(AttrReservationToken, t[:]) }
