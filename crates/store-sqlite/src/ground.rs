//! What the file of a store lies on: it has one name, and a file system of this machine beneath it.
//!
//! SQLite names the log and its index after the path. A file that is opened under two names (hard links, or a mount of the file by
//! itself) has two logs, and neither knows of the commits in the other: one code would be accepted twice. The index is memory that
//! all processes share, which no network file system gives to two machines, whatever locks it keeps.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zamok_core::store::StoreFault;

/// Fails with `NotDurable` where commits could be lost, or be there twice, because of where the file lies.
pub(crate) fn bears(path: &Path, found: &Metadata) -> Result<(), StoreFault> {
    has_one_name(found)?;
    if is_mounted_alone(path) {
        return Err(StoreFault::NotDurable);
    }
    bears_anything(path, found)
}

/// The same for a folder in which a file is to be made.
pub(crate) fn bears_anything(path: &Path, found: &Metadata) -> Result<(), StoreFault> {
    if is_remote(path, found) { Err(StoreFault::NotDurable) } else { Ok(()) }
}

/// Fails with `NotDurable` where the file has a second name.
pub(crate) fn has_one_name(found: &Metadata) -> Result<(), StoreFault> {
    // Some file systems do not count.
    if found.nlink() > 1 { Err(StoreFault::NotDurable) } else { Ok(()) }
}

/// Whether the file is the root of a mount: what lies beside it is of another folder than what lies beside its other name.
#[cfg(target_os = "linux")]
fn is_mounted_alone(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    // A system that is too old to tell does not.
    statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS)
        .is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mounted_alone(_: &Path) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn is_remote(path: &Path, found: &Metadata) -> bool {
    let Some(kind) = linux::kind(path) else { return false };
    linux::REMOTE.contains(&kind)
        || (kind == linux::FUSE
            && std::fs::read_to_string("/proc/self/mountinfo")
                .is_ok_and(|mounts| linux::is_remote_fuse(&mounts, found.dev())))
}

#[cfg(not(target_os = "linux"))]
fn is_remote(_: &Path, _: &Metadata) -> bool {
    false
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    /// The file systems of other machines, by the numbers that `statfs(2)` gives them: NFS, SMB (three), 9P, Ceph, AFS (two),
    /// Coda, NetWare and Lustre.
    pub(super) const REMOTE: [u32; 11] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x6b41_4653,
        0x7375_7245,
        0x564c,
        0x0bd0_0bd0,
    ];

    /// Programs that are file systems: encrypted folders and those of containers among them, so that most are taken.
    pub(super) const FUSE: u32 = 0x6573_5546;

    const REMOTE_FUSE: [&str; 14] = [
        "ceph",
        "ceph-fuse",
        "curlftpfs",
        "davfs",
        "gcsfuse",
        "glusterfs",
        "goofys",
        "juicefs",
        "mfs",
        "moosefs",
        "rclone",
        "s3fs",
        "smbnetfs",
        "sshfs",
    ];

    /// The number of the file system.
    pub(super) fn kind(path: &Path) -> Option<u32> {
        #[cfg(test)]
        if let Some(pretended) = super::tests::PRETENDED.get() {
            return Some(pretended);
        }
        // 32 bits, in a word that is signed on some machines.
        u32::try_from(i128::from(rustix::fs::statfs(path).ok()?.f_type) & 0xffff_ffff).ok()
    }

    /// Whether the table of mounts (proc(5)) has this device as one of the programs that are known to fetch from elsewhere.
    pub(super) fn is_remote_fuse(mounts: &str, device: u64) -> bool {
        let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        // `36 35 0:98 / /mnt rw,noatime shared:1 - fuse.sshfs me@there: rw`
        mounts.lines().any(|mount| {
            mount.split(' ').nth(2) == Some(&device)
                && mount
                    .split_once(" - fuse.")
                    .and_then(|(_, kind)| kind.split(' ').next())
                    .is_some_and(|kind| REMOTE_FUSE.contains(&kind))
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::*;
    use crate::SqliteStore;

    thread_local! {
        /// The file system on which this thread believes every file to lie.
        pub(super) static PRETENDED: Cell<Option<u32>> = const { Cell::new(None) };
    }

    #[test]
    fn a_store_on_a_network_file_system_is_refused_and_nothing_is_made_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, new) = (folder.path().join("store.db"), folder.path().join("new.db"));
        drop(SqliteStore::create(&path).expect("a new store"));
        // NFS, SMB, 9P, Ceph as `linux/magic.h` has them.
        for number in [0x6969, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400] {
            PRETENDED.set(Some(number));
            assert_eq!(SqliteStore::open(&path).expect_err("remote"), StoreFault::NotDurable, "{number:x}");
            assert_eq!(SqliteStore::create(&new).expect_err("remote"), StoreFault::NotDurable, "{number:x}");
            assert!(!new.exists(), "{number:x}");
        }
        // ext4, tmpfs, overlay, XFS, Btrfs, ZFS; and FUSE, of which this folder is none that is known as remote.
        let local = [0xef53, 0x0102_1994, 0x794c_7630, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1, 0x6573_5546];
        for number in local {
            PRETENDED.set(Some(number));
            assert!(SqliteStore::open(&path).is_ok(), "{number:x}");
        }
        PRETENDED.set(None);
    }

    #[test]
    fn programs_that_fetch_files_from_elsewhere_are_known_by_the_table_of_mounts() {
        let mounts = "36 35 0:98 / /mnt/there rw shared:1 - fuse.sshfs me@there: rw\n\
                      37 35 0:99 / /home/me/plain rw - fuse.gocryptfs /home/me/cipher rw\n\
                      38 35 0:9 / /data rw - fuse s3fs rw\n";
        assert!(linux::is_remote_fuse(mounts, rustix::fs::makedev(0, 98)));
        for local in [99, 9, 8, 980] {
            assert!(!linux::is_remote_fuse(mounts, rustix::fs::makedev(0, local)), "{local}");
        }
    }

    #[test]
    fn a_file_is_under_one_name_until_it_gets_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "").expect("a file");
        let found = || fs::metadata(&one).expect("a file");
        assert_eq!(bears(&one, &found()), Ok(()));
        fs::hard_link(&one, &two).expect("a link");
        assert_eq!(bears(&one, &found()), Err(StoreFault::NotDurable));
        fs::remove_file(&two).expect("the link");
        assert_eq!(bears(&one, &found()), Ok(()));
    }
}
