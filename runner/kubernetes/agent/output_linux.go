package agent

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/framed"
)

// longest is how much of a line is in one line of the container's log, in bytes: runtimes cut lines of 16 KiB.
const longest = 8 << 10

// output is the container's log, in which both streams come together. Each line is
//
//	<number> <stream> <text>
//
// with numbers from 0 on, so that who reads it again, or a part of it, knows what he has, and what is missing. A stream with a plus sign
// behind it says that the script's line goes on in the stream's next one; the stream x is the last line, which the script has not written.
type output struct {
	to   io.Writer
	most int64 // bytes that are kept

	mu      sync.Mutex
	number  int64
	kept    int64
	dropped int64
	buffer  []byte
}

// copy copies a stream, as it comes, until its end. What is beyond the limit is read and dropped, so that the script is not stopped.
func (o *output) copy(from io.Reader, stream byte) {
	splitter := framed.Splitter{Stream: stream}
	read := make([]byte, 64<<10)
	var records []byte
	for {
		n, err := from.Read(read)
		if n > 0 {
			keep := o.take(n)
			records = splitter.Split(records[:0], read[:keep], time.Time{})
			if keep < n {
				records = splitter.End(records, time.Time{})
			}
			o.write(records, n-keep)
		}
		if err != nil {
			o.write(splitter.End(records[:0], time.Time{}), 0)
			return
		}
	}
}

// take says how many of so many bytes may be kept.
func (o *output) take(n int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	keep := min(int64(n), o.most-o.kept)
	o.kept += keep
	return int(keep)
}

// write writes records, and a notice when bytes are dropped for the first time.
func (o *output) write(records []byte, dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buffer = o.buffer[:0]
	for len(records) > 0 {
		frame, size, err := framed.Next(records)
		if err != nil || size == 0 {
			break // they were made a moment ago
		}
		for len(frame.Text) > longest {
			o.line(frame.Stream, true, frame.Text[:longest])
			frame.Text = frame.Text[longest:]
		}
		o.line(frame.Stream, frame.Part, frame.Text)
		records = records[size:]
	}
	if dropped > 0 && o.dropped == 0 {
		o.line(byte(executor.Notice), false, fmt.Appendf(nil, "The output was cut here: no more than %d bytes are kept.", o.most))
	}
	o.dropped += int64(dropped)
	if len(o.buffer) > 0 {
		_, _ = o.to.Write(o.buffer) // who reads it sees by the numbers what is missing
	}
}

func (o *output) line(stream byte, part bool, text []byte) {
	o.buffer = append(strconv.AppendInt(o.buffer, o.number, 10), ' ', stream)
	if part {
		o.buffer = append(o.buffer, '+')
	}
	o.buffer = append(append(append(o.buffer, ' '), text...), '\n')
	o.number++
}

// end says that nothing follows, and how it ended.
func (o *output) end(report Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buffer = o.buffer[:0]
	o.line(End, false, report.text())
	_, _ = o.to.Write(o.buffer)
}
