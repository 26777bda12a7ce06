package decode_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-gateway/fairway/proxies/decode"
	"github.com/fairway-gateway/fairway/proxies/decode/internal/decodetest"
)

// TestSinksAgree tells random values to both sinks: what encoding/json reads of Writer's text is Tree's value.
func TestSinksAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		w, tree := decode.NewWriter(nil, decode.Limits{}), decode.NewTree(decode.Limits{})
		if err := tellRandom(rnd, twoSinks{w, tree}, 0); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decodetest.Parse(t, w.Bytes()), tree.Value()); diff != "" {
			t.Fatalf("seed %d (-writer +tree):\n%s", seed, diff)
		}
	}
}

func tellRandom(rnd *rand.Rand, s decode.Sink, depth int) error {
	kind := rnd.IntN(8)
	if depth > 5 {
		kind = rnd.IntN(5)
	}
	switch kind {
	case 0:
		return s.Null()
	case 1:
		return s.Bool(rnd.IntN(2) == 0)
	case 2:
		return s.Number(strconv.FormatInt(rnd.Int64(), 10))
	case 3:
		return s.Number(strconv.FormatFloat(rnd.NormFloat64(), 'e', -1, 64))
	case 4:
		return s.String(decodetest.RandomString(rnd))
	case 5:
		if err := s.BeginArray(); err != nil {
			return err
		}
		for range rnd.IntN(6) {
			if err := tellRandom(rnd, s, depth+1); err != nil {
				return err
			}
		}
		return s.EndArray()
	}
	if err := s.BeginObject(); err != nil {
		return err
	}
	for i := range rnd.IntN(40) {
		if err := s.Key(fmt.Sprint(decodetest.RandomString(rnd), i)); err != nil {
			return err
		}
		if err := tellRandom(rnd, s, depth+2); err != nil {
			return err
		}
	}
	return s.EndObject()
}

// twoSinks tells both.
type twoSinks struct{ a, b decode.Sink }

func (s twoSinks) each(tell func(decode.Sink) error) error {
	if err := tell(s.a); err != nil {
		return err
	}
	return tell(s.b)
}

func (s twoSinks) BeginObject() error { return s.each(decode.Sink.BeginObject) }
func (s twoSinks) EndObject() error   { return s.each(decode.Sink.EndObject) }
func (s twoSinks) BeginArray() error  { return s.each(decode.Sink.BeginArray) }
func (s twoSinks) EndArray() error    { return s.each(decode.Sink.EndArray) }
func (s twoSinks) Null() error        { return s.each(decode.Sink.Null) }
func (s twoSinks) Key(n string) error { return s.each(func(k decode.Sink) error { return k.Key(n) }) }

func (s twoSinks) String(v string) error {
	return s.each(func(k decode.Sink) error { return k.String(v) })
}

func (s twoSinks) Number(l string) error {
	return s.each(func(k decode.Sink) error { return k.Number(l) })
}

func (s twoSinks) Bool(v bool) error { return s.each(func(k decode.Sink) error { return k.Bool(v) }) }

var _ decode.Sink = twoSinks{}
