package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"turnout/internal/config"
)

// secretFile is where the secret of the first start is kept, in store.path.
const secretFile = "relay-secret"

// firstSecret reads the secret kept in folder, and makes it if there is none: 32 random bytes in base64, readable by its owner
// alone. It appears whole or not at all, and of several first starts at once all take the same.
func firstSecret(folder string) (secret config.Secret, made bool, err error) {
	name := filepath.Join(folder, secretFile)
	secret, err = readSecret(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, false, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return secret, false, fmt.Errorf("make state folder: %w", err)
	}
	made, err = writeSecret(name)
	if err != nil {
		return secret, false, fmt.Errorf("keep the first secret: %w", err)
	}
	secret, err = readSecret(name)
	return secret, made, err
}

func readSecret(name string) (config.Secret, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return config.Secret{}, fmt.Errorf("read the kept secret: %w", err)
	}
	s := strings.TrimSpace(string(text))
	if raw, err := base64.StdEncoding.DecodeString(s); err != nil || len(raw) < 16 {
		return config.Secret{}, fmt.Errorf("%s does not hold a secret that turnout made: remove it, and the next start makes another", name)
	}
	return config.NewSecret(s), nil
}

// writeSecret makes the file, unless somebody else just did. A link is what makes a whole file appear and never replaces one.
func writeSecret(name string) (made bool, err error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)                                          // never fails
	f, err := os.CreateTemp(filepath.Dir(name), secretFile+".new") // 0600
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, err
	}
	switch err := os.Link(f.Name(), name); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}
