package admin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"turnout/allocation"
)

// A place is where a page of a list in an order ends, as its cursor says it: what the last row has in that order, and its id.
// It needs no memory here, and is good however many rows come and go, those of this id among them.
type place struct {
	Order   string    `json:"order"`
	ID      string    `json:"id"`
	Created time.Time `json:"created,omitzero"`
	Subject string    `json:"subject,omitempty"`
	Bytes   uint64    `json:"bytes,omitempty"`
	Rate    float64   `json:"rate,omitempty"` // bytes a second
}

// cursorOf is the cursor of the page behind a row, in an order.
func cursorOf(order string, s *surveyed) string {
	p := place{Order: order, ID: s.ID.String()}
	switch order {
	case orderRate:
		p.Rate = s.rate()
	case orderBytes:
		p.Bytes = s.bytes()
	case "created":
		p.Created = s.Created
	case "subject":
		p.Subject = s.Subject
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // numbers are finite, and times were read from a clock
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

var errCursor = errors.New("not a cursor")

// parseCursor reads what cursorOf wrote: the order, and a row that compares in it as the last one did. Whoever writes a cursor
// of its own is shown another part of the same list.
func parseCursor(text string) (order string, behind *surveyed, err error) {
	var p place
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &p) != nil || orders[p.Order] == nil {
		return "", nil, errCursor
	}
	id, err := allocation.ParseID(p.ID)
	if err != nil {
		return "", nil, errCursor
	}
	behind = &surveyed{}
	behind.ID, behind.Created, behind.Subject = id, p.Created, p.Subject
	behind.ToClient.Bytes, behind.toClient.Bytes = p.Bytes, p.Rate
	return p.Order, behind, nil
}
