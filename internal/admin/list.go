package admin

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnout/allocation"
	"turnout/relay"
)

// Rows of one answer.
const (
	usualRows = 100
	mostRows  = 1000
)

// A listBody is a page of allocations.
type listBody struct {
	Allocations []allocationBody `json:"allocations"`
	Next        string           `json:"next,omitempty"` // the cursor of the page behind; absent at the end
	Total       int              `json:"total"`          // live ones, whatever was asked for
	// Seconds that the rates of sorted rows are of; absent where nobody has looked just before, and there are no rates.
	Interval float64 `json:"interval,omitempty"`
}

// An allocationBody is an allocation as a row.
type allocationBody struct {
	ID          string      `json:"id"`
	Subject     string      `json:"subject"`
	Class       string      `json:"class"`               // of the credential; empty for none
	Bandwidth   int64       `json:"bandwidth,omitempty"` // of the credential, in bits/s; absent where the class's counts
	Transport   string      `json:"transport"`
	Client      string      `json:"client"`
	Server      string      `json:"server"`
	Protocol    string      `json:"protocol"` // between relay and peers: udp or tcp
	Relayed     []string    `json:"relayed"`
	Created     time.Time   `json:"created"`
	Expires     time.Time   `json:"expires"`
	Permissions int         `json:"permissions"`
	Channels    int         `json:"channels"`
	FromClient  trafficBody `json:"fromClient"`
	ToClient    trafficBody `json:"toClient"`
	Rate        *ratesBody  `json:"rate,omitempty"` // of sorted rows
}

// A ratesBody is what an allocation relays now.
type ratesBody struct {
	FromClient rateBody `json:"fromClient"`
	ToClient   rateBody `json:"toClient"`
}

// A rateBody is a traffic a second.
type rateBody struct {
	Packets float64 `json:"packets"`
	Bytes   float64 `json:"bytes"`
}

// A detailBody is one allocation with its peers.
type detailBody struct {
	allocationBody
	Peers []peerBody `json:"peers"`
}

// A peerBody is a peer that the client permitted; without a channel its address has no port.
type peerBody struct {
	Address           string     `json:"address"`
	PermissionExpires *time.Time `json:"permissionExpires,omitempty"`
	Channel           uint16     `json:"channel,omitempty"`
	ChannelExpires    *time.Time `json:"channelExpires,omitempty"`
}

func rowOf(i *relay.AllocationInfo) allocationBody {
	b := allocationBody{
		ID: i.ID.String(), Subject: i.Subject, Class: i.Class, Bandwidth: i.Bandwidth, Transport: i.Transport.String(),
		Client: i.Client.String(), Server: i.Server.String(), Protocol: "udp", Relayed: []string{},
		Created: i.Created.UTC(), Expires: i.Expires.UTC(), Permissions: i.Permissions, Channels: i.Channels,
		FromClient: trafficOf(i.FromClient), ToClient: trafficOf(i.ToClient),
	}
	if i.TCP {
		b.Protocol = "tcp"
	}
	for _, r := range i.Relayed {
		if r.IsValid() {
			b.Relayed = append(b.Relayed, r.String())
		}
	}
	return b
}

// list gives a page of the allocations that pass the filters.
func (a *API) list(r *http.Request) (reply, error) {
	server, err := a.relay()
	if err != nil {
		return reply{}, err
	}
	q, err := query(r.URL, "limit", "cursor", "subject", "search", "client", "relayed", "transport", "sort")
	if err != nil {
		return reply{}, err
	}
	f, limit, err := filterOf(q)
	if err != nil {
		return reply{}, err
	}
	if order := q.Get("sort"); order != "" {
		return a.sorted(r, server, f, order, q.Get("cursor"), limit)
	}
	if text := q.Get("cursor"); text != "" {
		if f.After, err = allocation.ParseID(text); err != nil {
			return reply{}, invalidCursor(text)
		}
	}
	b := listBody{Allocations: []allocationBody{}, Total: server.Stats().Allocations}
	for row := range server.Allocations(r.Context(), f) {
		if len(b.Allocations) == limit { // there is one more
			b.Next = b.Allocations[limit-1].ID
			break
		}
		b.Allocations = append(b.Allocations, rowOf(&row))
	}
	return reply{http.StatusOK, b}, nil
}

// sorted gives a page of the allocations in an order, as of now: what has changed its place in it since the page before may
// be missed, or met again.
func (a *API) sorted(r *http.Request, server Relay, f relay.Filter, order, cursor string, limit int) (reply, error) {
	if orders[order] == nil {
		return reply{}, invalid(fmt.Sprintf("sort is %q; write %s.", order, strings.Join(slices.Sorted(maps.Keys(orders)), ", ")))
	}
	v, err := a.surveys.take(r.Context(), server)
	if err != nil {
		return reply{}, err
	}
	in, behind := v.order(order), (*surveyed)(nil)
	if cursor != "" {
		if in, behind, err = parseCursor(cursor); err != nil {
			return reply{}, invalidCursor(cursor)
		}
		// A list by rate may have begun before there were any.
		if in != order && (order != orderRate || in != orderBytes) {
			return reply{}, invalid(fmt.Sprintf("cursor is of a list with sort=%s; write that, or leave the cursor out.", in))
		}
		if in != v.order(in) {
			return reply{}, invalid("cursor is of a list by rate that nobody has looked at for a while; begin with its first page.")
		}
	}
	rows, more := v.page(&f, in, behind, limit)
	b := listBody{Allocations: []allocationBody{}, Total: len(v.rows), Interval: v.over.Seconds()}
	for _, s := range rows {
		row := rowOf(&s.AllocationInfo)
		if v.over > 0 {
			row.Rate = &ratesBody{s.fromClient, s.toClient}
		}
		b.Allocations = append(b.Allocations, row)
	}
	if more {
		b.Next = cursorOf(in, rows[len(rows)-1])
	}
	return reply{http.StatusOK, b}, nil
}

// invalidCursor is a cursor that no page had.
func invalidCursor(text string) *failure {
	return invalid(fmt.Sprintf("cursor is %q; write what the last page had as next.", text))
}

// show gives one allocation with its peers.
func (a *API) show(r *http.Request) (reply, error) {
	server, err := a.relay()
	if err != nil {
		return reply{}, err
	}
	id, err := allocation.ParseID(r.PathValue("id"))
	if err != nil {
		return reply{}, errNoAllocation
	}
	d, ok := server.Allocation(r.Context(), id)
	if !ok {
		return reply{}, errNoAllocation
	}
	b := detailBody{rowOf(&d.AllocationInfo), []peerBody{}}
	for _, p := range d.Peers {
		peer := peerBody{Address: p.Address.String(), Channel: uint16(p.Channel), PermissionExpires: timeOf(p.PermissionExpires), ChannelExpires: timeOf(p.ChannelExpires)}
		if p.Address.Port() == 0 {
			peer.Address = p.Address.Addr().String()
		}
		b.Peers = append(b.Peers, peer)
	}
	slices.SortFunc(b.Peers, func(p, q peerBody) int { return strings.Compare(p.Address, q.Address) })
	return reply{http.StatusOK, b}, nil
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// query is the parameters of a request. Those that are not known, and those that stand twice, are refused: a filter that
// is spelt wrong must not end everybody's allocations.
func query(u *url.URL, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalid("The query is not well formed: " + err.Error() + ".")
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, invalid(fmt.Sprintf("There is no parameter %q here, but %s.", name, strings.Join(known, ", ")))
		}
		if len(values) != 1 {
			return nil, invalid(fmt.Sprintf("The parameter %s stands there %d times; write it once.", name, len(values)))
		}
	}
	return q, nil
}

// filterOf reads the filters of a list, and how many rows are wanted.
func filterOf(q url.Values) (f relay.Filter, limit int, err error) {
	f.Subject, f.Contains, limit = q.Get("subject"), q.Get("search"), usualRows
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostRows {
			return f, 0, invalid(fmt.Sprintf("limit is %q; write 1 to %d.", text, mostRows))
		}
	}
	if text := q.Get("transport"); text != "" {
		if f.Transport = transports[text]; f.Transport == 0 {
			return f, 0, invalid(fmt.Sprintf("transport is %q; write udp, tcp, tls or dtls.", text))
		}
	}
	if f.Client, err = blockOf("client", q.Get("client")); err != nil {
		return f, 0, err
	}
	f.Relayed, err = blockOf("relayed", q.Get("relayed"))
	return f, limit, err
}

// blockOf reads an address, a block of them, an address and port, or a port alone.
func blockOf(name, text string) (b relay.Block, err error) {
	if text == "" {
		return b, nil
	}
	if at, err := netip.ParseAddrPort(text); err == nil {
		return relay.Block{Prefix: only(at.Addr()), Port: at.Port()}, nil
	}
	if at, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return relay.Block{Prefix: only(at)}, nil
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return relay.Block{Prefix: p.Masked()}, nil
	}
	if port, err := strconv.ParseUint(strings.TrimPrefix(text, ":"), 10, 16); err == nil && port > 0 {
		return relay.Block{Port: uint16(port)}, nil
	}
	return b, invalid(fmt.Sprintf("%s is %q; write an address, a block as 192.0.2.0/24, an address and port, or a port.", name, text))
}

// only is the block of one address, zones aside.
func only(a netip.Addr) netip.Prefix {
	a = a.WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}
