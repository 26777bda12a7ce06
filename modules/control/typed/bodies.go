package typed

// PatchOperation is one operation of a JSON Patch, for the document: bodies that may be one are read as they are.
type PatchOperation struct {
	Op    string `json:"op" required:"true" enum:"test,add,remove,replace,move,copy" doc:"What is done"`
	Path  string `json:"path" required:"true" doc:"Where, a JSON pointer" example:"/name"`
	From  string `json:"from,omitempty" doc:"Whence, of move and copy"`
	Value any    `json:"value,omitempty"`
}
