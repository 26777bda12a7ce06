package executor

import (
	"strconv"
	"strings"
)

// Variables of a script's environment. It has these, a few that programs need (PATH, HOME, TMPDIR, LANG), those of Attempt.Env, and
// nothing of the runner's.
const (
	EnvExecution = "FAIRWAY_EXECUTION_ID" // the execution
	EnvAttempt   = "FAIRWAY_ATTEMPT_ID"   // the attempt at it
	EnvNumber    = "FAIRWAY_ATTEMPT"      // which one it is, from 1
	EnvScript    = "FAIRWAY_SCRIPT"       // the script's slug
	EnvCode      = "FAIRWAY_SCRIPT_DIR"   // where the script's files are, which it cannot change
	EnvWork      = "FAIRWAY_WORK_DIR"     // where it starts, may write, and what is removed afterwards
	EnvParams    = "FAIRWAY_PARAMS"       // the file with the parameters, which also come on stdin
	EnvResults   = "FAIRWAY_RESULTS"      // the file for results
)

// Reserved says whether a variable's name is the protocol's, so that nobody else may set it.
func Reserved(name string) bool { return strings.HasPrefix(name, "FAIRWAY_") }

// Kind is what a line of a script's output says.
type Kind int

// Kinds of lines.
const (
	KindText     Kind = iota // a line of the log
	KindProgress             // how far the script is
	KindLog                  // a line of the log with a level of its own
)

// Line is what a line of output says.
type Line struct {
	Kind     Kind
	Progress int    // KindProgress: 0 to 100
	Level    string // KindLog: DEBUG, INFO, WARNING, ERROR or CRITICAL
	Text     string // the log's text; of a KindProgress a remark, which may be empty
}

// The beginnings of lines that mean more than their text.
const (
	progressPrefix = "::fairway progress "
	logPrefix      = "::fairway log "
)

// ParseLine says what a line of a script's standard output or error means. Two forms mean something, each a whole line:
//
//	::fairway progress 42
//	::fairway progress 42 tiles are read
//	::fairway log WARNING the third band is empty%0Ait is left out
//
// A progress is a whole or decimal number from 0 to 100, of which the whole part counts. In a log's text %0A is a line's end, %0D a
// carriage return and %25 a percent sign. Every other line, and one of these with a mistake in it, is text as it stands.
func ParseLine(line string) Line {
	if rest, is := strings.CutPrefix(line, progressPrefix); is {
		number, remark, _ := strings.Cut(strings.TrimSuffix(rest, "\r"), " ")
		if progress, ok := percent(number); ok {
			return Line{Kind: KindProgress, Progress: progress, Text: remark}
		}
	}
	if rest, is := strings.CutPrefix(line, logPrefix); is {
		name, text, _ := strings.Cut(strings.TrimSuffix(rest, "\r"), " ")
		if level, ok := levelOf(name); ok {
			return Line{Kind: KindLog, Level: level, Text: unescape(text)}
		}
	}
	return Line{Kind: KindText, Text: line}
}

// ProgressLine is the line that says a progress, without its end.
func ProgressLine(progress int) string {
	return progressPrefix + strconv.Itoa(min(max(progress, 0), 100))
}

// LogLine is the line that says a text of a level, without its end.
func LogLine(level, text string) string {
	return logPrefix + level + " " + strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// percent reads a progress. ParseFloat knows more than people write, as NaN, hex and underscores; they are refused.
func percent(text string) (progress int, ok bool) {
	if text == "" || len(text) > 32 || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || number < 0 || number > 100 {
		return 0, false
	}
	return int(number), true
}

// levelOf is the contract's word for a level. Older runners say WARN, others FATAL.
func levelOf(name string) (level string, ok bool) {
	switch name {
	case "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL":
		return name, true
	case "WARN":
		return "WARNING", true
	case "FATAL":
		return "CRITICAL", true
	default:
		return "", false
	}
}

// unescape undoes what LogLine did. Other percent signs stand for themselves.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	return strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r", "%25", "%").Replace(text)
}
