package config

import _ "embed"

// Example is a complete, commented configuration file, generated from the struct tree. It loads as it is, on loopback.
//
//go:embed config.example.yaml
var Example string
