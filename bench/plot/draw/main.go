// Draw reads charts as JSON from standard input and writes them as one SVG to
// standard output: a grid of two columns. It is a module of its own, so that
// fonts and drawing libraries are no part of turnout.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes on paper, which SVG scales as it likes.
const (
	width  = 16 * vg.Centimeter // of a chart
	height = 10 * vg.Centimeter
	gap    = 0.6 * vg.Centimeter
	column = 2
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdin, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(r io.Reader, w io.Writer) error {
	var charts []chart
	if err := json.NewDecoder(r).Decode(&charts); err != nil {
		return fmt.Errorf("read charts: %w", err)
	}
	if len(charts) == 0 {
		return fmt.Errorf("no charts")
	}
	rows := (len(charts) + column - 1) / column
	columns := min(column, len(charts))
	canvas := vgsvg.New(vg.Length(columns)*width, vg.Length(rows)*height)
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: gap, PadY: gap, PadTop: gap / 2, PadBottom: gap / 2, PadLeft: gap / 2, PadRight: gap / 2}
	whole := draw.New(canvas)
	white(whole)
	for i, c := range charts {
		p, err := c.plot()
		if err != nil {
			return fmt.Errorf("chart %q: %w", c.Title, err)
		}
		p.Draw(tiles.At(whole, i%columns, i/columns))
	}
	_, err := canvas.WriteTo(w)
	return err
}

// white paints the ground, so that the picture can be read on a dark page too.
func white(c draw.Canvas) {
	c.SetColor(plot.New().BackgroundColor)
	c.Fill(c.Rectangle.Path())
}
