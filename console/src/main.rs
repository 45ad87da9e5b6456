//! `traf`: see the library.

fn main() {}
