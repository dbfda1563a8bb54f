"""The native module under valgrind's memcheck: `make valgrind`."""
