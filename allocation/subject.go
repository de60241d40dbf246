package allocation

// OfSubject yields the allocations of a subject, in no useful order. Those that were
// yielded may be deleted meanwhile. The subject's name is looked up in the ledger
// once, under a lock; what is compared for each allocation is a number.
func (t *Table) OfSubject(subject string) func(yield func(*Allocation) bool) {
	return func(yield func(*Allocation) bool) {
		number := t.ledger.number(subject)
		if number == 0 {
			return // nobody has an allocation with it
		}
		for a := range t.All() {
			if a.subject == number && !yield(a) {
				return
			}
		}
	}
}
