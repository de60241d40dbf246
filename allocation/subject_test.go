package allocation

import "testing"

// TestOfSubject finds a subject's allocations among others', while they are deleted.
func TestOfSubject(t *testing.T) {
	t.Parallel()
	table := newTable(t, 50000, 50099)
	for n := range 12 {
		r := single()
		r.Subject = []string{"alice", "bob", ""}[n%3]
		mustCreate(t, table, n, r, start)
	}
	for _, c := range []struct {
		subject string
		want    int
	}{{"alice", 4}, {"carol", 0}, {"", 0}, {"alice", 0}, {"bob", 4}} {
		got := 0
		for a := range table.OfSubject(c.subject) {
			if name := table.Subject(a); name != c.subject {
				t.Errorf("%q's: got one of %q", c.subject, name)
			}
			table.Delete(a)
			got++
		}
		if got != c.want {
			t.Errorf("%q: %d allocations, want %d", c.subject, got, c.want)
		}
	}
	if table.Len() != 4 {
		t.Errorf("%d are left, want the 4 of nobody", table.Len())
	}
	must(t, table.Check())
}
