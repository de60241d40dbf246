package allocation

// An ID names an allocation: worker, slot and generation. 0 is none. An ID whose allocation has ended finds nothing,
// also when its slot is in use again, since the slot's generation differs.
//
// From the highest bit: 10 bits worker, 22 bits index, 32 bits generation.
type ID uint64

const (
	indexBits      = 22
	generationBits = 32
	// MaxWorkers is how many workers an ID can tell apart.
	MaxWorkers = 1 << (64 - indexBits - generationBits)
	// maxAllocations is how many slots a table has at most.
	maxAllocations = 1 << indexBits
)

func makeID(worker, index int, generation uint32) ID {
	return ID(worker)<<(indexBits+generationBits) | ID(index)<<generationBits | ID(generation)
}

// Worker is Config.Worker of the table that made the allocation.
func (i ID) Worker() int { return int(i >> (indexBits + generationBits)) }

// Index is the slot in its table, from 0. A free slot is taken before a new one, so that indexes stay below the most
// allocations the table ever had at once: callers may keep slabs of their own beside it.
func (i ID) Index() int { return int(i >> generationBits & (maxAllocations - 1)) }

// Generation tells the users of one slot apart. It is never 0.
func (i ID) Generation() uint32 { return uint32(i) }
