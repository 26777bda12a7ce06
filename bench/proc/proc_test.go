package proc

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     Stat
		fails    bool
	}{
		{
			name: "plain",
			in:   "42 (nginx) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 1 0 100 1000 10 0\n",
			want: Stat{PID: 42, Parent: 7, CPU: 3 * time.Second, Reaped: 70 * time.Millisecond},
		},
		{
			name: "name with spaces and parentheses",
			in:   "42 (a) S 1 (b)) R 7 42 42 0 -1 0 0 0 0 0 1 0 0 0 20 0",
			want: Stat{PID: 42, Parent: 7, CPU: Tick},
		},
		{name: "empty", in: "", fails: true},
		{name: "cut short", in: "42 (nginx) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 3", fails: true},
		{name: "no name", in: "42 nginx S 7", fails: true},
		{name: "name first", in: ")42 (", fails: true},
		{name: "no number", in: "42 (nginx) S 7 42 42 0 -1 0 0 0 0 0 x 50 3 4", fails: true},
		{name: "no pid", in: "x (nginx) S 7 42 42 0 -1 0 0 0 0 0 1 50 3 4", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseStat([]byte(test.in))
			if test.fails != (err != nil) || (err != nil && !errors.Is(err, ErrFormat)) {
				t.Fatalf("ParseStat: error %v, expected: %t", err, test.fails)
			}
			if got != test.want {
				t.Errorf("ParseStat = %+v; want %+v", got, test.want)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a) S 1 (b)) R 7 42 42 0 -1 0 0 0 0 0 1 0 0 0 20 0"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ParseStat(in)
		if err != nil && (got != Stat{} || !errors.Is(err, ErrFormat)) {
			t.Errorf("ParseStat = %+v with %v", got, err)
		}
	})
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     Memory
		fails    bool
	}{
		{name: "both", in: "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n", want: Memory{RSS: 1 << 20, Peak: 2 << 20}},
		{name: "no peak", in: "VmRSS:\t1024 kB\n", fails: true},
		{name: "other unit", in: "VmHWM:\t1 kB\nVmRSS:\t1 MB\n", fails: true},
		{name: "no number", in: "VmHWM:\t1 kB\nVmRSS:\tx kB\n", fails: true},
		{name: "beyond 64 bits as bytes", in: "VmHWM:\t1 kB\nVmRSS:\t9223372036854775807 kB\n", fails: true},
		{name: "empty", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseStatus([]byte(test.in))
			if test.fails != (err != nil) || (err != nil && !errors.Is(err, ErrFormat)) {
				t.Fatalf("ParseStatus: error %v, expected: %t", err, test.fails)
			}
			if got != test.want {
				t.Errorf("ParseStatus = %+v; want %+v", got, test.want)
			}
		})
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("VmHWM:\t1 kB\nVmRSS:\t1024 kB\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ParseStatus(in)
		if err != nil && (got != Memory{} || !errors.Is(err, ErrFormat)) {
			t.Errorf("ParseStatus = %+v with %v", got, err)
		}
	})
}

func TestTreeOfThisProcess(t *testing.T) {
	t.Parallel()
	memory, err := TreeMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if memory.RSS <= 0 || memory.Peak < memory.RSS {
		t.Errorf("TreeMemory = %+v; want a peak of at least what is used now", memory)
	}
	if _, err := TreeCPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	// the highest process id Linux can be told to give out is 2^22
	if _, err := TreeCPU(1<<22 + 1); err == nil || !strings.Contains(err.Error(), "process") {
		t.Errorf("TreeCPU of no process: error %v", err)
	}
}

func TestParseBusy(t *testing.T) {
	t.Parallel()
	const stat = "cpu  900 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 100 5 6 7 8 0 0\ncpu1 10 20 30 100 50 60 70 80 0 0\ncpu10 99 99 99 99 99 99 99 99 0 0\nintr 1\n"
	tests := []struct {
		name, in string
		cpus     []int
		want     Busy
		fails    bool
	}{
		{name: "one", in: stat, cpus: []int{1}, want: Busy{Programs: 60 * Tick, Stolen: 80 * Tick}},
		{name: "two", in: stat, cpus: []int{0, 1}, want: Busy{Programs: 66 * Tick, Stolen: 88 * Tick}},
		{name: "none", in: stat},
		{name: "absent", in: stat, cpus: []int{0, 2}, fails: true},
		{name: "short", in: "cpu0 1 2 3\n", cpus: []int{0}, fails: true},
		{name: "no number", in: "cpu0 1 x 3 100 5 6 7 8 0 0\n", cpus: []int{0}, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseBusy([]byte(test.in), test.cpus)
			if test.fails != (err != nil) || (err != nil && !errors.Is(err, ErrFormat)) {
				t.Fatalf("ParseBusy: error %v, expected: %t", err, test.fails)
			}
			if got != test.want {
				t.Errorf("ParseBusy = %+v; want %+v", got, test.want)
			}
		})
	}
}
