//! The native module of the Python distribution polyextism
