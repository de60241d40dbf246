package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// broken is a store whose every operation ends in an error.
type broken struct {
	Store
	err error
}

func (b *broken) Read(context.Context, Kind, string) (Record, error) { return Record{}, b.err }

func (b *broken) Write(context.Context, Kind, string, []byte, uint64) (uint64, error) {
	return 0, b.err
}

func (b *broken) Delete(context.Context, Kind, string, uint64) error { return b.err }

func (b *broken) List(context.Context, Kind, string, string, int) ([]Record, error) {
	return nil, b.err
}

func (b *broken) Watch(context.Context, Kind, func(Record), func()) error { return b.err }

func (b *broken) Compact(context.Context) error { return b.err }

// TestMetered tells every operation under its name and kind, with the word for its end, and returns what the store did.
func TestMetered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		fault string
	}{
		{nil, ""},
		{ErrNotFound, ""},
		{ErrConflict, ""},
		{fmt.Errorf("key: %w", ErrInvalid), ""},
		{fmt.Errorf("read: %w", ErrUnavailable), "unavailable"},
		{ErrClosed, "closed"},
		{ErrBehind, "behind"},
		{errors.New("no space left on device"), "failed"},
	} {
		var got []string
		s := Metered(&broken{err: c.err}, func(operation string, k Kind, fault string) {
			if !slices.Contains(Operations(), operation) || !slices.Contains(Kinds(), k) || fault != "" && !slices.Contains(Faults(), fault) {
				t.Errorf("%s of %v: %s is of no closed set", operation, k, fault)
			}
			got = append(got, operation+" "+k.String()+" "+fault)
		})
		ctx := t.Context()
		_, err := s.Read(ctx, Users, "a")
		is(t, "read", err, c.err)
		_, err = s.Write(ctx, CustomIDs, "a", nil, 0)
		is(t, "write", err, c.err)
		is(t, "delete", s.Delete(ctx, Subjects, "a", 1), c.err)
		_, err = s.List(ctx, Usernames, "", "", 1)
		is(t, "list", err, c.err)
		is(t, "watch", s.Watch(ctx, Documents, nil, nil), c.err)
		is(t, "compact", s.(compacter).Compact(ctx), c.err)
		want := []string{"read users ", "write customs ", "delete subjects ", "list usernames ", "watch documents "}
		for i := range want {
			want[i] += c.fault
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: counted %q, want %q", c.err, got, want)
		}
	}
}

// TestMeteredEnd is about a caller that leaves: that is no fault of the store.
func TestMeteredEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := Metered(NewMemory(), func(operation string, _ Kind, fault string) {
		if operation != "watch" || fault != "" {
			t.Errorf("%s: %q", operation, fault)
		}
	})
	is(t, "watch", s.Watch(ctx, Users, func(Record) {}, func() {}), context.Canceled)
	if c, ok := s.(compacter); !ok || c.Compact(t.Context()) != nil {
		t.Error("a store that keeps no trace cannot be compacted")
	}
}
