package bench

// A Layout says which processors a server and the generator run on. Empty lists: wherever the system puts them.
type Layout struct {
	Server, Generator []int
	// Shared: some processor is both's. The generator's work then delays the server's.
	Shared bool
}

// NewLayout divides processors: the server gets as many as it has workers, the generator the others, and at least one.
func NewLayout(processors []int, workers int) Layout {
	if len(processors) < 2 {
		return Layout{Shared: true}
	}
	n := min(workers, len(processors))
	l := Layout{Server: processors[:n:n], Generator: processors[n:]}
	if len(l.Generator) == 0 {
		l.Generator, l.Shared = processors[len(processors)-1:], true
	}
	return l
}
