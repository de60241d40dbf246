package config

import "github.com/goccy/go-yaml"

// JSON is what [Config.YAML] gives, as a JSON object: every key, defaults filled in and secrets shown as three stars.
func (c *Config) JSON() ([]byte, error) {
	text, err := c.YAML()
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(text)
}
