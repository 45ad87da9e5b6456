//! Calls of the processor, the C library and the kernel: the one place in the sensor with `unsafe`.
//!
//! The flow table is far larger than the caches, so that a look-up waits for memory. A batch of packets asks for all of
//! its lines first and updates them afterwards. The standard library has no stable way to say so. Nor can it say that
//! memory of a sealed slice goes back to the system at once, or give zeroed memory aligned to cache lines that takes no room
//! before it is touched, or change what a capture's socket receives while it runs.

#![allow(unsafe_code)]

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_int;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, BorrowedFd};

use memmap2::MmapMut;
use zerocopy::FromZeros;

/// Asks for the lines that hold the first `octets` of the element; an index beyond the end asks for nothing.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T], index: usize, octets: usize) {
    if let Some(item) = items.get(index) {
        let first: *const i8 = std::ptr::from_ref(item).cast();
        (0..octets).step_by(LINE).for_each(|octet| hint(first.wrapping_add(octet)));
        if align_of::<T>() < LINE {
            hint(first.wrapping_add(octets.saturating_sub(1)));
        }
    }
}

/// Octets of a cache line.
const LINE: usize = 64;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn hint(line: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: SSE is part of every x86_64, and a prefetch reads nothing: any address is allowed.
    unsafe { _mm_prefetch(line, _MM_HINT_T0) };
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn hint(line: *const i8) {
    // SAFETY: a prefetch changes no register and no memory; any address is allowed.
    unsafe { std::arch::asm!("prfm pldl1keep, [{line}]", line = in(reg) line, options(nostack, preserves_flags)) };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn hint(_line: *const i8) {}

/// A fixed number of zeroed elements on pages of their own (mmap(2)): each page takes memory only when it is touched, where the
/// allocator would write zeros into all of them for the sake of an alignment beyond its own.
pub(crate) struct Pages<T> {
    map: MmapMut,
    length: usize,
    elements: PhantomData<T>,
}

impl<T: FromZeros + Copy> Pages<T> {
    /// Of `length` elements, aligned to a page at most. Where there is no memory left for them, as
    /// for any allocation, the program ends.
    pub(crate) fn new(length: usize) -> Self {
        let Ok(layout) = Layout::array::<T>(length.max(1)) else { handle_alloc_error(Layout::new::<T>()) };
        const { assert!(align_of::<T>() <= 4096 && size_of::<T>() > 0) };
        let Ok(map) = MmapMut::map_anon(layout.size()) else { handle_alloc_error(layout) };
        Self { map, length, elements: PhantomData }
    }
}

impl<T> Deref for Pages<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: that many elements are mapped while `self` lives, aligned to pages, and zeros are valid elements; whoever
        // borrows them borrows `self`.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.length) }
    }
}

impl<T> DerefMut for Pages<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed for this alone.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast(), self.length) }
    }
}

/// From here on large pieces of memory go back to the system when they are freed, and threads share one heap: a slice
/// under a scan is large for a moment, and that moment must not stay resident (mallopt(3)).
#[cfg(target_env = "gnu")]
pub(crate) fn give_memory_back() {
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
pub(crate) fn give_memory_back() {}

/// Gives back the pages of program text that nothing has needed lately: what a start and a handshake took is half of the
/// program. The kernel maps again what is used again (madvise(2), `MADV_DONTNEED`).
pub(crate) fn forget_idle_text() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (start, length) in texts(&maps) {
        // SAFETY: the range is mapped, readable, executable and not writable, from a file, and stays so while this process
        // lives; dropping such pages loses nothing, since they are read from the file again.
        unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(start), length, libc::MADV_DONTNEED) };
    }
}

/// Start and length of the mappings that are executable text of files (proc_pid_maps(5)).
fn texts(maps: &str) -> impl Iterator<Item = (usize, usize)> {
    maps.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (range, rights, path) = (fields.next()?, fields.next()?, fields.nth(3)?);
        let (start, end) = range.split_once('-')?;
        let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).ok());
        (rights == "r-xp" && path.starts_with('/')).then_some((start?, end?.checked_sub(start?)?))
    })
}

/// One instruction of a packet filter (bpf(4)).
pub(crate) type Instruction = libc::sock_filter;

/// The instructions of the filter that is attached to a socket; empty where there is none.
pub(crate) fn filter_of(socket: BorrowedFd<'_>) -> io::Result<Vec<Instruction>> {
    // Room for the longest filter. The kernel counts instructions here, not octets.
    let mut filter = vec![Instruction { code: 0, jt: 0, jf: 0, k: 0 }; libc::BPF_MAXINSNS as usize];
    let (place, mut count) = (filter.as_mut_ptr().cast(), libc::BPF_MAXINSNS as libc::socklen_t);
    let option = (libc::SOL_SOCKET, libc::SO_GET_FILTER);
    // SAFETY: the kernel writes at most `count` instructions, for which there is room, and how many there are to `count`.
    let result = unsafe { libc::getsockopt(socket.as_raw_fd(), option.0, option.1, place, &raw mut count) };
    filter.truncate(count as usize);
    if result == 0 { Ok(filter) } else { Err(io::Error::last_os_error()) }
}

/// From now on the socket receives what the filter lets through.
pub(crate) fn set_filter(socket: BorrowedFd<'_>, filter: &[Instruction]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // The kernel only reads it.
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Asks for frames to others on the interface `index`, or no longer. The kernel counts who asks, and an interface that somebody
/// else made promiscuous stays so; the socket's own wish ends with it.
pub(crate) fn set_promiscuous(socket: BorrowedFd<'_>, index: u32, on: bool) -> io::Result<()> {
    let index = c_int::try_from(index).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let wish = libc::packet_mreq {
        mr_ifindex: index,
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    let option = if on { libc::PACKET_ADD_MEMBERSHIP } else { libc::PACKET_DROP_MEMBERSHIP };
    set(socket, libc::SOL_PACKET, option, &wish)
}

fn set<T>(socket: BorrowedFd<'_>, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    let (place, size) = (std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the kernel reads `size` octets, which are those of `value`; what `sock_fprog` points to lives as long.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, place, size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_take_memory_only_where_they_are_touched() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
            status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default()
        };
        let before = resident();
        let mut pages = Pages::<[u64; 8]>::new(1 << 20);
        assert!(pages.len() == 1 << 20 && pages.as_ptr().addr().is_multiple_of(64));
        (pages[0], pages[(1 << 20) - 1]) = ([1; 8], [2; 8]);
        assert_eq!((pages[1], pages[0][7], pages[(1 << 20) - 1][0]), ([0; 8], 1, 2));
        // 64 MiB are 16,384 pages; other tests run beside this one.
        assert!(resident().saturating_sub(before) < 8_192);
        drop(pages);
        assert!(Pages::<u64>::new(0).is_empty());
    }

    #[test]
    fn only_text_of_files_is_forgotten() {
        let maps = "\
            1000-3000 r--p 00000000 fe:00 1 /usr/bin/traf-sensor\n\
            3000-8000 r-xp 00002000 fe:00 1 /usr/bin/traf-sensor\n\
            8000-9000 rw-p 00007000 fe:00 1 /usr/bin/traf-sensor\n\
            a000-b000 rw-s 00000000 00:08 7 socket:[7]\n\
            c000-d000 r-xp 00000000 00:00 0 [vdso]\nnonsense\n";
        assert_eq!(texts(maps).collect::<Vec<_>>(), [(0x3000, 0x5000)]);
        forget_idle_text();
        assert!(texts(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default()).count() > 0);
    }
}
