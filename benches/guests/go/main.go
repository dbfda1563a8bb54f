// A plug-in in Go, without a kit: maps, strings, sorting, interfaces, goroutines and the garbage collector.
// Its exports are those of the kernels: `work` returns a checksum, `run` and `small` output it.
package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

//go:wasmimport extism:host/env alloc
func alloc(length uint64) uint64

//go:wasmimport extism:host/env store_u64
func storeU64(offset, value uint64)

//go:wasmimport extism:host/env output_set
func outputSet(offset, length uint64)

type shape interface{ area() uint32 }
type square struct{ side uint32 }
type strip struct{ width, height uint32 }

func (s *square) area() uint32 { return s.side * s.side }
func (s *strip) area() uint32  { return s.width * s.height }

func next(state *uint32) uint32 {
	*state = *state*1664525 + 1013904223
	return *state ^ *state>>16
}

func mix(sum, word uint32) uint32 {
	sum = (sum ^ word) * 0x9e3779b1
	return sum ^ sum>>15
}

// Counts words and puts them in order.
func words(size int, state *uint32) uint32 {
	var text strings.Builder
	for range size {
		text.WriteString("word")
		text.WriteString(strconv.Itoa(int(next(state) % 997)))
		text.WriteByte(' ')
	}
	counts := map[string]int{}
	for _, word := range strings.Fields(text.String()) {
		counts[word]++
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	sum := uint32(0)
	for _, name := range names {
		sum = mix(mix(sum, uint32(counts[name])), uint32(name[len(name)-1]))
	}
	return sum
}

// Makes garbage, and calls through interfaces.
func shapes(size int, state *uint32) uint32 {
	var live [512]shape
	sum := uint32(0)
	for n := range size {
		one := next(state)
		var made shape = &square{one & 255}
		if one&1024 != 0 {
			made = &strip{one & 15, one >> 8 & 255}
		}
		live[n&511] = made
		if other := live[one>>16&511]; other != nil {
			sum = mix(sum, other.area())
		}
	}
	return sum
}

// Sends numbers from one goroutine to another.
func channels(size int) uint32 {
	numbers, sums := make(chan uint32, 16), make(chan uint32)
	go func() {
		for n := range size {
			numbers <- uint32(n)
		}
		close(numbers)
	}()
	go func() {
		sum := uint32(0)
		for n := range numbers {
			sum = mix(sum, n)
		}
		sums <- sum
	}()
	return <-sums
}

func all(size int) uint32 {
	state := uint32(1)
	sum := mix(words(size, &state), shapes(4*size, &state))
	return mix(sum, channels(size))
}

func output(sum uint32) int32 {
	offset := alloc(8)
	storeU64(offset, uint64(sum))
	outputSet(offset, 8)
	return 0
}

//go:wasmexport work
func work() int32 { return int32(all(10000)) }

//go:wasmexport run
func run() int32 { return output(all(10000)) }

//go:wasmexport small
func small() int32 { return output(all(10)) }

func main() {}
