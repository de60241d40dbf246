package deploy

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestDashboard holds the dashboard's queries against the metrics that turnout
// declares. That each gives data is seen in internal/peertest.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var d struct {
		Panels []struct {
			ID                       int
			Type, Title, Description string
			GridPos                  struct{ X, Y, W, H int }
			Targets                  []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/turnout.json")), &d); err != nil {
		t.Fatal(err)
	}
	known := declared(t)
	ids, cells, queries := map[int]bool{}, map[string]string{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: its id %d is another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				at := fmt.Sprintf("%d,%d", x, y)
				if other := cells[at]; other != "" {
					t.Fatalf("panel %q lies over %q", p.Title, other)
				}
				cells[at] = p.Title
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q is wider than the page", p.Title)
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q: %d queries, description %q", p.Title, len(p.Targets), p.Description)
		}
		for _, target := range p.Targets {
			queries++
			checkQuery(t, "panel "+p.Title, target.Expr, known)
		}
	}
	if queries < 20 {
		t.Errorf("only %d queries were found", queries)
	}
}
