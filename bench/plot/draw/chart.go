package main

import (
	"fmt"
	"image/color"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// A chart is one picture, as package bench of turnout describes it.
type chart struct {
	Title, X, Y, Kind string
	LogX, LogY        bool
	Labels            []string
	Ticks             []struct {
		At   float64
		Name string
	}
	Series []series
}

type series struct {
	Name            string
	X, Y, Low, High []float64
}

// inks can be told apart by people who see few colours, and marks by those who see none.
var (
	inks = []color.Color{
		color.RGBA{0x00, 0x72, 0xB2, 0xFF}, color.RGBA{0xD5, 0x5E, 0x00, 0xFF}, color.RGBA{0x00, 0x9E, 0x73, 0xFF},
		color.RGBA{0xCC, 0x79, 0xA7, 0xFF}, color.RGBA{0x56, 0xB4, 0xE9, 0xFF},
	}
	marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{}, draw.RingGlyph{}}
)

func (c chart) plot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font} {
		f.Variant = "Sans"
	}
	p.Title.TextStyle.Font.Size = 14
	p.Legend.Top = true
	p.Legend.Left = c.Kind != "bars"
	p.Add(plotter.NewGrid())
	var err error
	switch c.Kind {
	case "bars":
		err = c.bars(p)
	case "lines":
		err = c.lines(p)
	default:
		err = fmt.Errorf("no kind of chart %q", c.Kind)
	}
	if err != nil {
		return nil, err
	}
	c.scale(p)
	return p, nil
}

// scale sets the axes. They begin at nothing unless they are logarithmic, and leave room for the legend.
func (c chart) scale(p *plot.Plot) {
	if c.LogX {
		p.X.Scale = plot.LogScale{}
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = plain(p.X.Tick.Marker), plain(p.Y.Tick.Marker)
	if c.LogY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plain(plot.LogTicks{})
	} else {
		p.Y.Min = 0
		p.Y.Max *= 1.3
	}
	if c.Kind == "bars" {
		p.X.Min, p.X.Max = -0.5, float64(len(c.Labels))-0.5
	}
	if len(c.Ticks) > 0 {
		var ticks plot.ConstantTicks
		for _, t := range c.Ticks {
			ticks = append(ticks, plot.Tick{Value: t.At, Label: t.Name})
		}
		p.X.Tick.Marker = ticks
	}
}

// plain writes the numbers of an axis without zeros that say nothing, and without exponents.
func plain(marker plot.Ticker) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		ticks := marker.Ticks(low, high)
		for i, t := range ticks {
			if _, err := strconv.ParseFloat(t.Label, 64); err == nil {
				ticks[i].Label = strconv.FormatFloat(t.Value, 'f', -1, 64)
			}
		}
		return ticks
	})
}

// bars draws a group for each label, with a bar for each series.
func (c chart) bars(p *plot.Plot) error {
	const group = 0.75 // of the room that there is for one
	width := group / float64(len(c.Series))
	for i, s := range c.Series {
		if len(s.Y) != len(c.Labels) {
			return fmt.Errorf("series %s has %d values for %d labels", s.Name, len(s.Y), len(c.Labels))
		}
		middles := make(plotter.XYs, len(s.Y))
		var corners []plotter.XYer
		for k, y := range s.Y {
			left := float64(k) - group/2 + float64(i)*width
			right := left + width*0.92
			middles[k] = plotter.XY{X: (left + right) / 2, Y: y}
			corners = append(corners, plotter.XYs{{X: left}, {X: left, Y: y}, {X: right, Y: y}, {X: right}})
		}
		bars, err := plotter.NewPolygon(corners...)
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = inks[i%len(inks)], 0
		p.Add(bars)
		p.Legend.Add(s.Name, bars)
		if err := s.extent(p, middles, color.Gray{0x30}); err != nil {
			return err
		}
	}
	p.NominalX(c.Labels...)
	p.X.Tick.Label.Rotation = 0.4 // radians: names are longer than groups are wide
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = draw.XRight, draw.YCenter
	return nil
}

// lines draws marks joined by lines, with the extent of their rounds.
func (c chart) lines(p *plot.Plot) error {
	for i, s := range c.Series {
		if len(s.Y) == 0 {
			continue // a server that was not measured here
		}
		if len(s.X) != len(s.Y) {
			return fmt.Errorf("series %s has %d X values and %d Y values", s.Name, len(s.X), len(s.Y))
		}
		if c.LogY && !s.positive() || c.LogX && slices.ContainsFunc(s.X, func(x float64) bool { return x <= 0 }) {
			return fmt.Errorf("series %s has values that a logarithmic axis has no place for", s.Name)
		}
		points := make(plotter.XYs, len(s.Y))
		for k := range points {
			points[k] = plotter.XY{X: s.X[k], Y: s.Y[k]}
		}
		line, marked, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = inks[i%len(inks)], 1.5
		marked.Color, marked.Shape, marked.Radius = inks[i%len(inks)], marks[i%len(marks)], 3
		p.Add(line, marked)
		p.Legend.Add(s.Name, marked, line)
		if err := s.extent(p, points, inks[i%len(inks)]); err != nil {
			return err
		}
	}
	return nil
}

// positive says whether a logarithmic axis has a place for every value and its extent.
func (s series) positive() bool {
	return !slices.ContainsFunc(slices.Concat(s.Y, s.Low, s.High), func(y float64) bool { return y <= 0 })
}

// extent draws how far the rounds lay apart.
func (s series) extent(p *plot.Plot, points plotter.XYs, ink color.Color) error {
	if len(s.Low) != len(s.Y) || len(s.High) != len(s.Y) {
		return nil // not told
	}
	errors := make(plotter.YErrors, len(s.Y))
	for i := range errors {
		errors[i].Low, errors[i].High = s.Y[i]-s.Low[i], s.High[i]-s.Y[i]
	}
	bars, err := plotter.NewYErrorBars(struct {
		plotter.XYs
		plotter.YErrors
	}{points, errors})
	if err != nil {
		return err
	}
	bars.Color = ink
	p.Add(bars)
	return nil
}
