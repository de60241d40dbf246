package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
)

// Draw writes the report's charts as one SVG. The program that draws is built from bench/plot in the source of turnout into
// dir: its fonts alone are larger than all of turnout, which therefore does not contain it.
func (r *Report) Draw(ctx context.Context, source, dir string, w io.Writer) error {
	binary, err := build(ctx, source, filepath.Join("bench", "plot"), "draw", dir)
	if err != nil {
		return err
	}
	charts, err := json.Marshal(r.Charts())
	if err != nil {
		return err
	}
	var errs tail
	c := exec.CommandContext(ctx, binary)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(charts), w, &errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("draw: %w: %s", err, &errs)
	}
	return nil
}
