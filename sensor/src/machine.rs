//! What only the processor and the C library can do for us: the one place in the sensor with `unsafe`.
//!
//! The flow table is far larger than the caches, so that a look-up waits for memory. A batch of packets asks for all of
//! its lines first and updates them afterwards. The standard library has no stable way to say so. Nor can it say that
//! memory of a sealed slice goes back to the system at once.

#![allow(unsafe_code)]

/// Asks for the line that holds the element; an index beyond the end asks for nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T], index: usize) {
    if let Some(item) = items.get(index) {
        hint(std::ptr::from_ref(item).cast());
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn hint(line: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: SSE is part of every x86_64, and a prefetch reads nothing: any address is allowed, and this one is valid.
    unsafe { _mm_prefetch(line, _MM_HINT_T0) };
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn hint(line: *const i8) {
    // SAFETY: a prefetch changes no register and no memory; any address is allowed, and this one is valid.
    unsafe { std::arch::asm!("prfm pldl1keep, [{line}]", line = in(reg) line, options(nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn hint(_line: *const i8) {}

/// From here on large pieces of memory go back to the system when they are freed, and threads share one heap: a slice
/// under a scan is large for a moment, and that moment must not stay resident (mallopt(3)).
#[cfg(target_env = "gnu")]
pub fn give_memory_back() {
    const LARGE: i32 = 64 << 10;
    for (parameter, value) in
        [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, 2 * LARGE)]
    {
        // SAFETY: mallopt only changes the allocator's settings, and takes any value; a refused one changes nothing.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Another C library has no such settings.
#[cfg(not(target_env = "gnu"))]
pub fn give_memory_back() {}
