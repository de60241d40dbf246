package relay

import "testing"

func TestInbox(t *testing.T) {
	t.Parallel()
	wakes := 0
	i := inbox{wake: func() { wakes++ }}
	s := new(stream)
	for n := range 5 {
		i.put(post{stream: s, frames: make([]byte, n)})
	}
	if wakes != 1 {
		t.Errorf("%d wakes for a run of posts, want 1 on the edge from empty", wakes)
	}
	seen := 0
	for pending := true; pending; {
		posts := i.take()
		for k := range min(2, len(posts)) {
			if len(posts[k].frames) != seen {
				t.Fatalf("post %d came out of order", len(posts[k].frames))
			}
			seen++
		}
		pending = i.done(min(2, len(posts)))
	}
	if seen != 5 {
		t.Errorf("%d posts came out, want 5", seen)
	}
	i.put(post{stream: s})
	if wakes != 2 {
		t.Errorf("%d wakes after a second edge, want 2", wakes)
	}
	if left := i.close(); len(left) != 1 {
		t.Errorf("closing returned %d posts, want 1", len(left))
	}
	if i.put(post{}) {
		t.Error("a closed inbox took a post")
	}
}

// What is posted to a worker that ends is done all the same: a post may bring a
// connection that somebody has to close. Later posts are refused.
func TestPostsToAnEndingWorkerAreServed(t *testing.T) {
	t.Parallel()
	w := newBench(t).w
	served := false
	if !w.inbox.put(post{do: func(*worker) { served = true }}) {
		t.Fatal("a post to a worker was refused")
	}
	w.finish()
	if !served || w.inbox.put(post{do: func(*worker) {}}) {
		t.Errorf("served %v, or another one taken after the end", served)
	}
}

// What is posted while the worker works through the rest of a long inbox has its
// wake spent on that, and is served all the same.
func TestInboxAfterRest(t *testing.T) {
	t.Parallel()
	awake := false
	i := inbox{wake: func() { awake = true }}
	served := 0
	round := func(most int) (pending bool) {
		awake = false
		n := min(len(i.take()), most)
		served += n
		return i.done(n)
	}
	i.put(post{})
	i.put(post{})
	pending := round(1)
	i.put(post{}) // wakes the worker, which has something left anyway
	for pending || awake {
		pending = round(1)
	}
	if served != 3 {
		t.Errorf("%d of 3 posts were served before the worker slept", served)
	}
}

// What is posted round after round takes no new memory, and what a flood took is given back.
func TestInboxMemory(t *testing.T) { // not in parallel: it counts allocations
	i := inbox{wake: func() {}}
	serve := func(posts int) {
		for range posts {
			i.put(post{})
		}
		for pending := true; pending; {
			pending = i.done(min(inboxBatch, len(i.take())))
		}
	}
	serve(100)
	serve(100)
	if n := testing.AllocsPerRun(100, func() { serve(3) }); n > 0 && !raceEnabled {
		t.Errorf("%v allocations for 3 posts", n)
	}
	serve(10 * inboxKept)
	serve(1)
	serve(1)
	if n := cap(i.whole) + cap(i.posted); n > 2*inboxKept {
		t.Errorf("memory for %d posts is kept after a flood", n)
	}
}
