package webhooks

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzVerify holds that a signature is right for what was signed, and for nothing else.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("key"), "msg-1", "1674087231", "v1,AAAA v1a,x", []byte(`{"a":1}`))
	f.Add([]byte{}, "a.b", "-1", " ", []byte{})
	f.Add([]byte("k"), "", "99999999999999999999", "v1,", []byte("x"))
	f.Fuzz(func(t *testing.T, key []byte, id, timestamp, signatures string, body []byte) {
		fuzzVerify(t, key, id, timestamp, signatures, body)
	})
}

// fuzzVerify takes what somebody sent, and then what was signed with changes.
func fuzzVerify(t *testing.T, key []byte, id, timestamp, signatures string, body []byte) {
	t.Helper()
	now := time.Unix(1674087231, 0)
	if Verify(key, id, timestamp, signatures, body, now) == nil {
		// It has the signature that we would have given it.
		seconds, err := strconv.ParseInt(timestamp, 10, 64)
		if err != nil || !slices.Contains(strings.Split(signatures, " "), Sign(key, id, time.Unix(seconds, 0), body)) {
			t.Fatalf("%q %q %q is taken", id, timestamp, signatures)
		}
	}
	if id == "" || strings.Contains(id, ".") {
		return
	}
	good, at := Sign(key, id, now, body), strconv.FormatInt(now.Unix(), 10)
	if _, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(good, "v1,")); err != nil {
		t.Fatal(err)
	}
	if err := Verify(key, id, at, signatures+" "+good, body, now); err != nil {
		t.Fatal("what was signed is refused")
	}
	if Verify(key, id+"x", at, good, body, now) == nil || Verify(key, id, at, good, append(bytes.Clone(body), 'x'), now) == nil || Verify(append(bytes.Clone(key), 'x'), id, at, good, body, now) == nil ||
		Verify(key, id, at, good, body, now.Add(Tolerance+time.Second)) == nil || Verify(key, id, at, good[:len(good)-1], body, now) == nil {
		t.Fatal("what was not signed is taken")
	}
}
