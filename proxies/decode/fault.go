package decode

import "github.com/fairway-gateway/fairway/proxies/decode/internal/excerpt"

// FaultError says that a SOAP message is a Fault: that the backend says itself that it failed.
type FaultError struct {
	Code   string // as the message has it, with its prefix: "soap:Server"; may be empty
	Reason string // faultstring or Reason, at most 1 KiB of it, for the caller; may be empty
}

// Error leaves the reason out, which is the backend's text.
func (e *FaultError) Error() string {
	if e.Code == "" {
		return "the message is a SOAP Fault"
	}
	return "the message is a SOAP Fault, " + excerpt.Of(e.Code)
}
