//! The wasmer backend
