package main

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestParseCPUList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    string
		want  []int
		fails bool
	}{
		{in: "0", want: []int{0}},
		{in: "\t0-3,8\n", want: []int{0, 1, 2, 3, 8}},
		{in: "", fails: true},
		{in: "0-", fails: true},
		{in: "a", fails: true},
		{in: "0-99999999999", fails: true},
	}
	for _, test := range tests {
		got, err := parseCPUList(test.in)
		if !slices.Equal(got, test.want) || test.fails != (err != nil) {
			t.Errorf("parseCPUList(%q) = %v, %v; want %v, error: %t", test.in, got, err, test.want, test.fails)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   []int
		want cores
	}{
		{[]int{0}, cores{gatewayCount: 1, gatewayCPUs: []int{0}}},
		{[]int{0, 1}, cores{"0", "1", 1, []int{0}}},
		{[]int{4, 5, 6}, cores{"4", "5,6", 1, []int{4}}},
		{[]int{0, 1, 2, 3}, cores{"0,1", "2,3", 2, []int{0, 1}}},
	}
	for _, test := range tests {
		if got := split(test.in); !reflect.DeepEqual(got, test.want) {
			t.Errorf("split(%v) = %+v; want %+v", test.in, got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := parse(nil)
	if err != nil || s.rounds != 5 || s.duration != 10*time.Second || s.docs == "" || !slices.Equal(s.workloads, allWorkloads()) {
		t.Errorf("parse() = %+v, %v", s, err)
	}
	s, err = parse([]string{"-quick", "-rounds", "7"})
	if err != nil || s.rounds != 7 || s.duration != 2*time.Second || s.docs != "" {
		t.Errorf("parse(-quick -rounds 7) = %+v, %v; want 7 rounds of 2s and no document", s, err)
	}
	if s, err = parse([]string{"-workloads", "W1, W2"}); err != nil || s.docs != "" || s.wants("W9") || !s.wants("W2") {
		t.Errorf("parse(-workloads W1,W2) = %+v, %v; want these two and no document", s, err)
	}
	for _, args := range [][]string{{"-workloads", "W7"}, {"-rounds", "0"}, {"-duration", "1h"}, {"-connections", "513"}, {"-warmup", "-1s"}, {"word"}} {
		if s, err := parse(args); err == nil {
			t.Errorf("parse(%v) = %+v; want an error", args, s)
		}
	}
}
