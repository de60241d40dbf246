package identity

import "errors"

// What was read or written is remembered for the time that the server is away. It
// is never asked while the server is there, so that it need not be kept current.

type cacheKey struct {
	kind Kind
	key  string
}

// natsCache is how many records are remembered.
const natsCache = 16384

// recall gives a record as it was last seen, or the error that made it necessary.
func (n *NATS) recall(k Kind, key string, err error) (Record, error) {
	if errors.Is(err, ErrClosed) {
		return Record{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if r, ok := n.cache[cacheKey{k, key}]; ok {
		return r, nil
	}
	return Record{}, err
}

func (n *NATS) remember(k Kind, r Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cache[cacheKey{k, r.Key}].Revision > r.Revision {
		return
	}
	if len(n.cache) >= natsCache {
		for one := range n.cache { // any: it is for emergencies
			if one.kind != Documents {
				delete(n.cache, one)
				break
			}
		}
	}
	n.cache[cacheKey{k, r.Key}] = r
}

func (n *NATS) forget(k Kind, key string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.cache, cacheKey{k, key})
}
