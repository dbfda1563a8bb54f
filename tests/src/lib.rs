//! Conformance of the engines
