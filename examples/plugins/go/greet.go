// The plug-in of the guide without a kit: it declares the host's functions itself.
package main

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoad(at uint64) uint32

//go:wasmimport extism:host/env alloc
func alloc(length uint64) uint64

//go:wasmimport extism:host/env store_u8
func store(at uint64, b uint32)

//go:wasmimport extism:host/env output_set
func outputSet(block, length uint64)

//go:wasmexport greet
func greet() int32 {
	name := make([]byte, inputLength())
	for i := range name {
		name[i] = byte(inputLoad(uint64(i)))
	}
	text := "Hello, " + string(name) + "!"
	block := alloc(uint64(len(text)))
	for i := range len(text) {
		store(block+uint64(i), uint32(text[i]))
	}
	outputSet(block, uint64(len(text)))
	return 0
}

func main() {}
