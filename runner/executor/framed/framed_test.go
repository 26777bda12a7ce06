package framed_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor/framed"
)

// joined is the lines that the records of a file are, without those of other streams.
func joined(t *testing.T, file []byte, stream byte) string {
	t.Helper()
	text := ""
	reader := framed.NewReader(bytes.NewReader(file), 0)
	for {
		frame, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return text
		}
		if err != nil {
			t.Fatal(err)
		}
		if frame.Stream != stream {
			continue
		}
		text += string(frame.Text)
		if !frame.Part {
			text += "\n"
		}
	}
}

func TestLinesComeBack(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*framed.MaxText+7)
	for name, reads := range map[string][]string{
		"lines":                 {"a\nb\n"},
		"empty lines":           {"\n\n", "\n"},
		"a line in pieces":      {"a", "b", "c\nd\n"},
		"no end":                {"a\nb"},
		"a long line":           {long + "\nb\n"},
		"a long line in pieces": {long[:10], long[10:] + "\n"},
		"exactly the maximum":   {long[:framed.MaxText] + "\nb"},
		"carriage returns":      {"10%\r20%\r", "done\n"},
		"any bytes":             {"\x00\xff\xfe\n"},
		"nothing":               {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			splitter := framed.Splitter{Stream: 'o'}
			var file []byte
			for _, read := range reads {
				file = splitter.Split(file, []byte(read), time.UnixMicro(5))
				file = framed.Append(file, framed.Frame{Stream: 'e', Text: []byte("between")})
			}
			file = splitter.End(file, time.UnixMicro(6))
			want := strings.Join(reads, "")
			if want != "" && !strings.HasSuffix(want, "\n") {
				want += "\n"
			}
			if got := joined(t, file, 'o'); got != want {
				t.Errorf("got %.200q, want %.200q", got, want)
			}
		})
	}
}

func TestReaderGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	var file []byte
	var offsets []int64
	for i := range 100 {
		file = framed.Append(file, framed.Frame{Stream: 'o', Micros: int64(i), Text: bytes.Repeat([]byte{'y'}, i*100)})
		offsets = append(offsets, int64(len(file)))
	}
	for i, offset := range offsets[:99] {
		frame, err := framed.NewReader(bytes.NewReader(file), offset).Next()
		if err != nil || frame.Micros != int64(i+1) || len(frame.Text) != (i+1)*100 {
			t.Fatalf("behind record %d: %+v, %v", i, frame.Micros, err)
		}
	}
	// What is there in part is not given, and comes when the rest has come.
	grown := &growing{whole: file, size: 5}
	reader := framed.NewReader(grown, 0)
	seen := 0
	for grown.size < len(file) {
		_, err := reader.Next()
		if errors.Is(err, io.EOF) {
			grown.size = min(grown.size+501, len(file))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if reader.Offset() != offsets[seen-1] {
			t.Fatalf("record %d: offset %d, want %d", seen, reader.Offset(), offsets[seen-1])
		}
	}
}

// growing is a file of which no more than size bytes were written yet.
type growing struct {
	whole []byte
	size  int
}

func (g *growing) ReadAt(p []byte, offset int64) (int, error) {
	return bytes.NewReader(g.whole[:g.size]).ReadAt(p, offset)
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("o\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00a"))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, file []byte) {
		reader := framed.NewReader(bytes.NewReader(file), 0)
		for {
			frame, err := reader.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, framed.ErrCorrupt) {
					t.Fatal(err)
				}
				return
			}
			if len(frame.Text) > framed.MaxText || reader.Offset() > int64(len(file)) {
				t.Fatal("more than there is")
			}
		}
	})
}

func FuzzSplitter(f *testing.F) {
	f.Add("a\nb", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 {
			return
		}
		splitter := framed.Splitter{Stream: 'e'}
		var file []byte
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			file = splitter.Split(file, []byte(rest[:n]), time.UnixMicro(1))
			rest = rest[n:]
		}
		file = splitter.End(file, time.UnixMicro(1))
		want := text
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if got := joined(t, file, 'e'); got != want {
			t.Errorf("got %.200q, want %.200q", got, want)
		}
	})
}
