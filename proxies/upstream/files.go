package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
)

// Fingerprint is of what stands in the files, so that who keeps a Backend beyond a configuration can tell whether it would be
// made the same way today: certificates are renewed in their place. Empty: there are no files.
func (t TLS) Fingerprint() (string, error) {
	files := slices.DeleteFunc(append(slices.Clone(t.CA), t.ClientCertificateFile, t.ClientKeyFile), func(f string) bool { return f == "" })
	if len(files) == 0 {
		return "", nil
	}
	all := sha256.New()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("tls: %w", err)
		}
		sum := sha256.Sum256(text)
		all.Write(sum[:])
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}
