//go:build linux && (amd64 || arm64)

package keeper

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/fairway-gateway/fairway/runner/executor"
	"github.com/fairway-gateway/fairway/runner/executor/framed"
)

// output is the file in which both streams come together.
type output struct {
	most int64 // bytes that are kept

	mu      sync.Mutex
	file    *os.File
	kept    int64
	dropped int64
	said    time.Time // when it was last said that there is output
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
			records = splitter.Split(records[:0], read[:keep], time.Now())
			if keep < n {
				records = splitter.End(records, time.Now())
			}
			o.write(records, n-keep)
		}
		if err != nil {
			o.write(splitter.End(records[:0], time.Now()), 0)
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

// write adds records, and a notice when bytes are dropped for the first time.
func (o *output) write(records []byte, dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if dropped > 0 && o.dropped == 0 {
		notice := fmt.Sprintf("The output was cut here: no more than %d bytes are kept.", o.most)
		records = framed.Append(records, framed.Frame{Stream: byte(executor.Notice), Micros: time.Now().UnixMicro(), Text: []byte(notice)})
	}
	o.dropped += int64(dropped)
	if len(records) == 0 {
		return
	}
	// A disk that is full loses output, not the script.
	if _, err := o.file.Write(records); err != nil {
		o.dropped += int64(len(records))
	}
	if now := time.Now(); now.Sub(o.said) >= pokeEvery {
		o.said = now
		say(SaidOutput)
	}
}
