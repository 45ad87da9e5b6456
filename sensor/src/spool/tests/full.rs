//! A disk without a free block.

use super::*;

/// A tmpfs of 256 KiB; only root may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flags = nix::mount::MsFlags::empty();
        nix::mount::mount(Some("tmpfs"), folder.path(), Some("tmpfs"), flags, Some("size=256k")).unwrap();
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.0.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}

#[test]
#[ignore = "needs root"]
fn on_a_full_disk_records_wait_in_memory_and_go_to_the_disk_when_there_is_room() {
    let disk = SmallDisk::mount();
    let path = disk.0.path().join("spool");
    let mut spool = open(&path, LIMITS);
    spool.seal(&summary(0, 100));
    let filler = disk.0.path().join("filler");
    let full = fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);

    (1..4).for_each(|number| spool.seal(&summary(number, 10_000)));
    assert!(spool.trouble.as_ref().unwrap().contains("No space left"), "{:?}", spool.trouble);
    assert_eq!(spool.next().map(|record| record.to_seq), Some(1));
    assert_eq!(spool.next().map(|record| record.to_seq), Some(2), "what waits in memory is sent too");
    spool.acknowledge(2);

    fs::remove_file(&filler).unwrap();
    spool.retry();
    assert_eq!(spool.trouble, None);
    drop(spool);
    let mut spool = open(&path, LIMITS);
    let records = all(&mut spool);
    assert_eq!(ranges(&records), [(3, 3), (4, 4)]);
    assert_eq!(packets(&records), 3 + 4);
}

#[test]
#[ignore = "needs root"]
fn a_record_sent_from_memory_and_committed_before_a_kill_does_not_swallow_its_successor() {
    let disk = SmallDisk::mount();
    let path = disk.0.path().join("spool");
    let mut spool = open(&path, LIMITS);
    spool.resume(US, CommitMark::default()).unwrap();
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    spool.seal(&summary(0, 10_000));
    assert_eq!(spool.next().map(|record| record.to_seq), Some(1));
    drop(spool); // killed; the collector has committed it
    fs::remove_file(&filler).unwrap();

    let mut spool = open(&path, LIMITS);
    spool.seal(&summary(1, 100));
    spool.resume(US, CommitMark { epoch: 1, seq: 1 }).unwrap();
    let records = all(&mut spool);
    assert_eq!((ranges(&records), packets(&records)), (vec![(2, 2)], 2));
}
