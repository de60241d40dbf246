package netio

import "errors"

const (
	// keptMore is how much a Stream takes while it keeps something: what TLS says by itself, and not what makes a client that
	// reads nothing fill the memory with answers.
	keptMore = 64 << 10
	// keptIdle bounds the memory that is held on to for the next time that a client is slow.
	keptIdle = 16 << 10
)

var errKeptTooMuch = errors.New("the client does not take the answers of TLS")

// A kept is what a Stream was given to write and the system has not taken yet.
type kept struct {
	bytes []byte
	done  int // bytes that the system has taken
	room  int // how much more is kept
}

// A byteSender takes what there is room for, and does not wait.
type byteSender interface {
	send(b []byte) (n int, err error)
}

func (k *kept) len() int { return len(k.bytes) - k.done }

// write sends b, and keeps what is not taken.
func (k *kept) write(to byteSender, b []byte) (int, error) {
	if k.len() > 0 {
		if k.room -= len(b); k.room < 0 {
			return 0, errKeptTooMuch
		}
		k.bytes = append(k.bytes, b...)
		return len(b), nil
	}
	n, err := to.send(b)
	if err != nil {
		return n, err
	}
	k.bytes, k.done, k.room = append(k.bytes[:0], b[n:]...), 0, keptMore
	return len(b), nil
}

// flush sends as much of it as is taken.
func (k *kept) flush(to byteSender) error {
	n, err := to.send(k.bytes[k.done:])
	if k.done += n; k.len() == 0 {
		if k.bytes, k.done = k.bytes[:0], 0; cap(k.bytes) > keptIdle {
			k.bytes = nil
		}
	}
	return err
}

// take is all of it, which is not kept any more.
func (k *kept) take() []byte {
	b := k.bytes[k.done:]
	*k = kept{}
	return b
}
